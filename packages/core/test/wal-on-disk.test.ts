import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createWal, fanOut, permanent, transient, type } from '../src/index.ts'
import { VirtualClock } from '../src/testing/virtual-clock.ts'
import { type Film, retry, ScriptedTarget } from './support/films-wal.ts'

describe('on the file log', () => {
  let directory = ''

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'daybook-wal-'))
  })

  afterEach(() => rm(directory, { recursive: true, force: true }))

  const open = (target: ScriptedTarget) =>
    createWal({
      directory,
      namespaces: { films: fanOut({ payload: type<Film>(), targets: { target }, retry }) },
    })

  it('delivers after a restart what was written before it, and nothing twice after a close', async () => {
    const first = await open(new ScriptedTarget())
    await first.write('films', { key: 'a', payload: { title: '1' } })
    await first.close()

    const target = new ScriptedTarget()
    const second = await open(target)
    const { version } = await second.write('films', { key: 'a', payload: { title: '2' } })
    await second.start()
    await second.drain()
    await second.close()
    expect(target.titles).toEqual(['1', '2'])
    expect(version).toBeGreaterThan(target.given[0]?.version ?? 0n)

    const later = new ScriptedTarget()
    const third = await open(later)
    await third.start()
    await third.drain()
    await third.close()
    expect(later.titles).toEqual([])
  })

  it('keeps dead letters and spent attempts over a restart', async () => {
    const shaky = new ScriptedTarget(() => transient('BUSY', 'later'))
    const first = await createWal({
      directory,
      namespaces: {
        films: fanOut({
          payload: type<Film>(),
          targets: { target: shaky },
          retry: { maxAttempts: 3, minDelay: '1h', maxDelay: '1h' },
        }),
      },
    })
    const failed = new Promise((resolve) => first.once('retry', resolve))
    await first.write('films', { key: 'a', payload: { title: '1' } })
    await first.start()
    await failed
    await first.close()

    const target = new ScriptedTarget(() => permanent('NO', 'never'))
    const clock = new VirtualClock({ now: Date.now() + 7_200_000 })
    const second = await createWal({
      directory,
      clock,
      namespaces: { films: fanOut({ payload: type<Film>(), targets: { target } }) },
    })
    await second.start()
    await second.drain()
    const { letters } = await second.namespace('films').deadLetters.list()
    expect(letters).toMatchObject([
      { attemptsSpent: 2, attempts: [{ code: 'BUSY' }, { code: 'NO' }] },
    ])
    await second.close()
  })

  it('lets a redriven record go before those that wait for it, also after a restart', async () => {
    const openBlocking = (target: ScriptedTarget) =>
      createWal({
        directory,
        namespaces: {
          films: fanOut({ payload: type<Film>(), targets: { target }, onDeadLetter: 'block' }),
        },
      })
    const first = await openBlocking(new ScriptedTarget(() => permanent('NO', 'never')))
    for (const title of ['1', '2']) await first.write('films', { key: 'a', payload: { title } })
    await first.start()
    await first.drain()
    await first.close()

    const between = await openBlocking(new ScriptedTarget())
    await between.namespace('films').deadLetters.redrive('all')
    await between.close()

    const target = new ScriptedTarget()
    const last = await openBlocking(target)
    await last.start()
    await last.drain()
    expect(target.titles).toEqual(['1', '2'])
    await vi.waitFor(
      async () => expect(await last.namespace('films').deadLetters.count()).toEqual(new Map()),
      { timeout: 20_000 },
    )
    await last.close()
  })

  it('is refused to a second owner, and the error names the first', async () => {
    const first = await open(new ScriptedTarget())
    await expect(open(new ScriptedTarget())).rejects.toMatchObject({
      code: 'ERR_DIRECTORY_IN_USE',
      message: expect.stringContaining(String(process.pid)),
    })
    await first.close()
    await (await open(new ScriptedTarget())).close()
  })
})
