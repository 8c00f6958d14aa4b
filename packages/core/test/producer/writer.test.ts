import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createWal, memoryQueue } from '../../src/index.ts'

async function walOf(payload: z.ZodType<number>) {
  const applied: unknown[] = []
  const wal = await createWal({
    namespaces: {
      n: {
        payload,
        queue: memoryQueue(),
        targets: {
          t: {
            idempotency: 'version',
            appliesInOrder: true,
            async apply(records) {
              for (const record of records) applied.push(record.payload)
            },
          },
        },
      },
    },
  })
  return { wal, applied, handle: wal.namespace('n') }
}

/** Its check takes as many ms as the number says. */
const slow = z.number().refine(async (ms) => {
  await new Promise((resolve) => setTimeout(resolve, Math.abs(ms)))
  return ms >= 0
})

describe('Writer', () => {
  it('keeps the order of calls where a schema takes its time', async () => {
    const { wal, applied, handle } = await walOf(slow)
    const receipts = await Promise.all([
      handle.write({ key: 'k', payload: 30 }),
      handle.write({ key: 'k', payload: 1 }),
      handle.writeMany([
        { key: 'k', payload: 20 },
        { key: 'k', payload: 2 },
      ]),
      handle.write({ key: 'k', payload: 3 }),
      handle.delete({ key: 'k' }),
    ])
    const versions = receipts.flat().map(({ version }) => version)
    expect(versions).toEqual(versions.toSorted((a, b) => (a < b ? -1 : 1)))
    await wal.start()
    await wal.drain()
    expect(applied).toEqual([30, 1, 20, 2, 3, undefined])
    await wal.close()
  })

  it('lets the writes behind a refused one through', async () => {
    const { wal, handle } = await walOf(slow)
    const refused = handle.write({ key: 'k', payload: -5 })
    const taken = handle.write({ key: 'k', payload: 1 })
    await expect(refused).rejects.toMatchObject({ code: 'ERR_INVALID_PAYLOAD' })
    expect(await taken).toMatchObject({ durable: 'yes' })
    await wal.close()
  })

  it('does not wait for a check that takes for ever, nor do the writes behind it', async () => {
    const endless = z.number().refine((n) => (n < 0 ? new Promise<boolean>(() => {}) : true))
    const { wal, applied, handle } = await walOf(endless)
    const gone = new AbortController()
    const stuck = handle.write({ key: 'k', payload: -1, timeout: 5 })
    const aborted = handle.write({ key: 'k', payload: -2, signal: gone.signal })
    const behind = handle.write({ key: 'k', payload: 1 })
    const answers = Promise.allSettled([stuck, aborted])
    gone.abort()
    expect(await answers).toMatchObject([
      { reason: { receipt: { durable: 'no' }, cause: { code: 'ERR_WRITE_TIMEOUT' } } },
      { reason: { receipt: { durable: 'no' }, cause: { code: 'ERR_ABORTED' } } },
    ])
    expect(await behind).toMatchObject({ durable: 'yes' })
    await wal.start()
    await wal.drain()
    expect(applied).toEqual([1])
    await wal.close()
  })

  it('does not begin to wait where the signal has aborted before', async () => {
    const { wal, handle } = await walOf(slow)
    const write = handle.write({ key: 'k', payload: 5, signal: AbortSignal.abort() })
    await expect(write).rejects.toMatchObject({ cause: { code: 'ERR_ABORTED' } })
    expect(await handle.write({ key: 'k', payload: 1 })).toMatchObject({ durable: 'yes' })
    await wal.close()
  })

  it('leaves no rejection unheard where one of many inputs is wrong', async () => {
    const { wal, handle } = await walOf(slow)
    const unheard: unknown[] = []
    const listen = (reason: unknown): number => unheard.push(reason)
    process.on('unhandledRejection', listen)
    const many = handle.writeMany([
      { key: 'k', payload: -1 },
      { key: '', payload: 1 },
    ])
    await expect(many).rejects.toMatchObject({ code: 'ERR_INVALID_RECORD' })
    await new Promise((resolve) => setTimeout(resolve, 20))
    process.off('unhandledRejection', listen)
    expect(unheard).toEqual([])
    await wal.close()
  })

  it('keeps the order of a writeMany and a write right behind it', async () => {
    const { wal, applied, handle } = await walOf(z.number())
    const many = handle.writeMany([
      { key: 'k', payload: 1 },
      { key: 'k', payload: 2 },
    ])
    const one = handle.write({ key: 'k', payload: 3 })
    const versions = [...(await many), await one].map(({ version }) => version)
    expect(versions).toEqual(versions.toSorted((a, b) => (a < b ? -1 : 1)))
    await wal.start()
    await wal.drain()
    expect(applied).toEqual([1, 2, 3])
    await wal.close()
  })

  it('rejects, and never throws, for a time-out that is none', async () => {
    const { wal, handle } = await walOf(z.number())
    const write = handle.write({ key: 'k', payload: 1, timeout: 'soon' as '1s' })
    await expect(write).rejects.toMatchObject({ code: 'ERR_INVALID_DURATION' })
    const none = handle.write({ key: 'k', payload: 1, timeout: 0 })
    await expect(none).rejects.toMatchObject({ code: 'ERR_INVALID_DURATION' })
    const many = handle.writeMany([{ key: 'k', payload: 1 }], { timeout: '0s' })
    await expect(many).rejects.toMatchObject({ code: 'ERR_INVALID_DURATION' })
    const signalled = handle.write({ key: 'k', payload: 1, signal: 'SIGTERM' as never })
    await expect(signalled).rejects.toMatchObject({ code: 'ERR_INVALID_RECORD' })
    const close = wal.close({ timeout: 'soon' as '1s' })
    await expect(close).rejects.toMatchObject({ code: 'ERR_INVALID_DURATION' })
    await wal.close()
  })
})
