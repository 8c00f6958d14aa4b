import { describe, expect, it } from 'vitest'
import { createWal, memoryQueue, unavailable } from '../src/index.ts'

describe('drain', () => {
  const wal = () =>
    createWal({
      namespaces: {
        n: { queue: memoryQueue(), targets: { t: { idempotency: 'id', async apply() {} } } },
      },
    })

  it('leaves delayed records alone, unless it is asked for them', async () => {
    await using open = await wal()
    await open.write('n', { key: 'a', payload: 1, delay: 200 })
    await open.start()
    expect(await open.drain()).toMatchObject({ n: { t: { applied: 0, pending: 0 } } })
    const all = await open.drain({ includeDelayed: true })
    expect(all).toMatchObject({ n: { t: { applied: 1, pending: 0 } } })
  })

  it('reports what is pending when its time is up, or its signal aborts', async () => {
    await using open = await createWal({
      namespaces: {
        n: {
          queue: memoryQueue(),
          targets: {
            t: {
              idempotency: 'id',
              apply: async (records) => records.map(() => unavailable('DOWN', 'gone')),
            },
          },
        },
      },
    })
    await open.write('n', { key: 'a', payload: 1 })
    await open.start()
    expect(await open.drain({ timeout: 20 })).toMatchObject({ n: { t: { pending: 1 } } })
    const signal = AbortSignal.timeout(20)
    expect(await open.drain({ signal })).toMatchObject({ n: { t: { pending: 1 } } })
  })
})

describe('close', () => {
  it('lets what is being applied finish, unless its time is up', async () => {
    for (const [timeout, finished] of [
      [undefined, true],
      [5, false],
    ] as const) {
      let state = 'waiting'
      const { promise: begun, resolve } = Promise.withResolvers<void>()
      const open = await createWal({
        namespaces: {
          n: {
            queue: memoryQueue(),
            targets: {
              async t(_, { signal }) {
                resolve()
                await new Promise<void>((wake) => {
                  setTimeout(wake, 100)
                  signal.addEventListener('abort', () => wake())
                })
                state = signal.aborted ? 'aborted' : 'finished'
              },
            },
          },
        },
      })
      await open.write('n', { key: 'a', payload: 1 })
      await open.start()
      await begun
      await open.close({ timeout })
      expect(state).toBe(finished ? 'finished' : 'aborted')
    }
  })
})
