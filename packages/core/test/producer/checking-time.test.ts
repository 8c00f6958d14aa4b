import { describe, expect, it } from 'vitest'
import { createWal, memoryQueue, type PayloadType } from '../../src/index.ts'
import { VirtualClock } from '../../src/testing/index.ts'

/** Its check takes as many ms as the number says; a queue that never answers takes what passes it. */
async function walOf() {
  const clock = new VirtualClock()
  const payload: PayloadType<number> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) =>
        new Promise((resolve) => {
          clock.setTimer(Number(value), () => resolve({ value: Number(value) }))
        }),
    },
  }
  const queue = memoryQueue()
  let sent = 0
  queue.producer = async () => ({
    send: () => {
      sent++
      return new Promise(() => {})
    },
    close: async () => {},
  })
  const wal = await createWal({
    clock,
    namespaces: {
      n: { payload, queue, writeTimeout: 1000, targets: { t: async () => {} } },
    },
  })
  return { clock, handle: wal.namespace('n'), sentRecords: () => sent }
}

/** What a write comes to, and how long it took by the clock. */
async function timed<T>(clock: VirtualClock, write: Promise<T>) {
  const began = clock.monotonic()
  const outcome = await clock.runUntil(
    write.then(
      (receipt) => receipt,
      (error: unknown) => error,
    ),
  )
  return [outcome, clock.monotonic() - began]
}

const neverChecked = 1_000_000

describe('a write whose payload is being checked', () => {
  it('is answered no with a receipt when its time is up', async () => {
    const { clock, handle, sentRecords } = await walOf()
    const [receipt, ms] = await timed(
      clock,
      handle.tryWrite({ key: 'k', payload: neverChecked, timeout: 50 }),
    )
    expect(receipt).toMatchObject({ durable: 'no', error: { code: 'ERR_WRITE_TIMEOUT' } })
    expect(ms).toBe(50)
    const [error] = await timed(clock, handle.write({ key: 'k', payload: neverChecked }))
    expect(error).toMatchObject({
      code: 'ERR_NOT_DURABLE',
      receipt: { durable: 'no', id: expect.any(String), version: expect.any(BigInt) },
      cause: { code: 'ERR_WRITE_TIMEOUT' },
    })
    expect(sentRecords()).toBe(0)
  })

  it('is answered no with a receipt when its signal aborts', async () => {
    const { clock, handle } = await walOf()
    const gone = new AbortController()
    const { signal } = gone
    const answers = Promise.all([
      handle.tryWrite({ key: 'k', payload: neverChecked, signal }),
      handle.writeMany(
        [
          { key: 'k', payload: 1 },
          { key: 'k', payload: neverChecked },
        ],
        { signal },
      ),
    ])
    gone.abort()
    const [receipts] = await timed(clock, answers)
    const no = { durable: 'no', error: { code: 'ERR_ABORTED' } }
    expect(receipts).toMatchObject([no, [no, no]])
  })

  it('has a receipt with which it can be written again, below later writes of its key', async () => {
    const { clock, handle } = await walOf()
    const id = '01890a5d-ac96-774b-bcce-b302099a8057'
    const first = { key: 'k', payload: neverChecked, timeout: 50, id }
    const [receipt] = (await timed(clock, handle.tryWrite(first))) as [{ version: bigint }, number]
    expect(receipt).toMatchObject({ id })
    const again = { key: 'k', payload: 1, id, version: receipt.version, timeout: 50 }
    const [second] = await timed(clock, handle.tryWrite(again))
    expect(second).toMatchObject({ id, version: receipt.version, durable: 'unknown' })
    const later = { key: 'k', payload: 1, timeout: 50 }
    const [third] = (await timed(clock, handle.tryWrite(later))) as [{ version: bigint }, number]
    expect(third.version).toBeGreaterThan(receipt.version)
  })

  it('waits no longer than its time-out, for its check and the queue together', async () => {
    const { clock, handle, sentRecords } = await walOf()
    const write = handle.tryWrite({ key: 'k', payload: 60, timeout: 100 })
    const [receipt, ms] = await timed(clock, write)
    expect(receipt).toMatchObject({ durable: 'unknown', error: { code: 'ERR_WRITE_TIMEOUT' } })
    expect([ms, sentRecords()]).toEqual([100, 1])
    expect((await timed(clock, handle.tryWrite({ key: 'k', payload: 900 })))[1]).toBe(1000)
  })
})
