import { expect, test } from 'vitest'
import { Actor } from '../src/actor.ts'
import type { calls } from './echo-child.ts'

const script = new URL('echo-child.ts', import.meta.url)

test('an actor answers, fails by what it throws, and closes when it is told to', async () => {
  const actor = await Actor.start<typeof calls>(script)
  await expect(actor.ask('double', 2n ** 60n)).resolves.toBe(2n ** 61n)
  await expect(actor.ask('fail')).rejects.toThrow('I will not')
  expect(await actor.stop()).toBe(0)
})

test('an actor that is killed fails what it had not answered', async () => {
  const actor = await Actor.start<typeof calls>(script)
  const answer = actor.ask('wait').catch((error: Error) => error.message)
  expect(await actor.kill()).toBe('SIGKILL')
  expect(await answer).toContain('SIGKILL')
})

test('an actor that never comes to act fails its start', async () => {
  await expect(Actor.start(script, 'leave')).rejects.toThrow('exit code 3')
})
