// needs: kafka, sqs

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { service } from '@daybook/services'
import { beforeAll, expect, onTestFinished, test } from 'vitest'

const main = join(import.meta.dirname, '../../src/main.ts')

beforeAll(async () => {
  await service('kafka')
})

/** Runs a benchmark, for its result and not for its speed. */
async function bench(...args: readonly string[]) {
  const words = ['--conditions=source', '--no-warnings', main, ...args, '--json', '--rounds', '1']
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  expect(code, stderr).toBe(0)
  const { contests } = JSON.parse(stdout) as {
    contests: { about: string; comparisons: { peer: string; ratio: { median: number } }[] }[]
  }
  for (const { comparisons } of contests) {
    for (const { ratio } of comparisons) expect(ratio.median).toBeGreaterThan(0)
  }
  return contests.map(
    ({ about, comparisons }) => `${about} / ${comparisons.map((one) => one.peer)}`,
  )
}

test('both clients of Kafka are measured, every record is stored, and all that is consumed committed', async () => {
  const args = ['--records', '600', '--backlog', '600', '--payload', '100']
  expect(await bench('kafka', ...args)).toEqual([
    'writing, kafkajs / bare, same messages,bare, no headers',
    'consuming, kafkajs / bare, counting,bare, reading',
    'writing, @platformatic/kafka / bare, same messages,bare, no headers',
    'consuming, @platformatic/kafka / bare, counting,bare, reading',
  ])
})

test('both kinds of SQS are measured, and every record is stored and deleted', async () => {
  expect(await bench('sqs', '--records', '200', '--payload', '100')).toEqual([
    'writing, standard / bare, our fields,bare, payload only',
    'consuming, standard / bare',
    'writing, FIFO / bare, our fields,bare, payload only',
    'consuming, FIFO / bare,bare, 4 loops',
  ])
})
