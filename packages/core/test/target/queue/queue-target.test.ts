import { describe, expect, it } from 'vitest'
import { jsonCodec } from '../../../src/codec.ts'
import { WalError } from '../../../src/errors.ts'
import type { Producer, SendOutcome } from '../../../src/producer/producer.ts'
import { memoryQueue } from '../../../src/queue/memory-queue.ts'
import type { StoredRecord } from '../../../src/record.ts'
import type { QueueTargetOfProducer } from '../../../src/target/queue/queue-options.ts'
import { queueTarget } from '../../../src/target/queue/queue-target.ts'
import { makeRecord } from '../../../src/testing/index.ts'
import { applyTo } from '../http/support/apply-one.ts'

/** A producer that answers as it is told, and keeps what it was sent. */
class ScriptedProducer implements Producer {
  readonly sent: StoredRecord[] = []
  closed = false
  readonly #answer: (record: StoredRecord) => SendOutcome

  constructor(answer: (record: StoredRecord) => SendOutcome = () => ({ durable: 'yes' })) {
    this.#answer = answer
  }

  async send(records: readonly StoredRecord[]): Promise<readonly SendOutcome[]> {
    this.sent.push(...records)
    return records.map(this.#answer)
  }

  async close(): Promise<void> {
    this.closed = true
  }
}

const place = 'local/films#00000001'

async function apply(options: QueueTargetOfProducer, ...records: ReturnType<typeof makeRecord>[]) {
  const { signal } = new AbortController()
  const context = {
    namespace: 'films',
    target: 'queue',
    attempts: records.map(() => 1),
    signal,
    place,
  }
  return queueTarget(options).apply(records, context)
}

describe('queueTarget', () => {
  it('sends a record as it is, and begins its delivery anew', async () => {
    const producer = new ScriptedProducer()
    const traceContext = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }
    const record = makeRecord({
      ...{ key: 'tt1', version: 2n ** 60n + 1n, origin: 'eu', headers: { by: 'me' }, traceContext },
      ...{ writtenAt: 17, dueAt: 18, target: 'queue', attemptEpoch: 2, payload: { n: 1 } },
      ...{ transaction: { id: 'tx', index: 4 } },
    })
    expect(await apply({ producer }, record)).toEqual([{ status: 'applied' }])
    const { id, namespace, key, op, version, origin, writtenAt } = record
    expect(producer.sent).toEqual([
      {
        ...{ id, namespace, key, op, version, origin, writtenAt, traceContext, attemptEpoch: 0 },
        ...{
          dueAt: undefined,
          target: undefined,
          transaction: undefined,
          encryptionKeyId: undefined,
        },
        headers: { by: 'me', 'daybook-trail': place },
        payload: jsonCodec.encode({ n: 1 }),
      },
    ])
  })

  it('names the namespace and the target that it is told, and uses its codec', async () => {
    const producer = new ScriptedProducer()
    const codec = { ...jsonCodec, encode: () => new Uint8Array([7]) }
    const remove = makeRecord({ op: 'delete', payload: undefined } as never)
    await apply({ producer, namespace: 'archive', target: 'store', codec }, makeRecord(), remove)
    expect(producer.sent).toMatchObject([
      { namespace: 'archive', target: 'store', payload: new Uint8Array([7]) },
      { namespace: 'archive', target: 'store', payload: undefined },
    ])
  })

  it('answers for each record what the queue answers for it', async () => {
    const producer = new ScriptedProducer(({ key }) => {
      if (key === 'large') {
        return { durable: 'no', error: new WalError('ERR_PAYLOAD_TOO_LARGE', 'too large') }
      }
      if (key === 'busy') return { durable: 'no', error: new WalError('ERR_THROTTLED', 'too many') }
      if (key === 'open') return { durable: 'unknown', error: new WalError('ERR_IO', 'no answer') }
      return key === 'odd' ? { durable: 'unknown' } : { durable: 'yes' }
    })
    const cyclic: { self?: unknown } = {}
    cyclic.self = cyclic
    const keys = ['fine', 'large', 'busy', 'open', 'odd', 'last']
    const records = keys.map((key) => makeRecord({ key }))
    records.splice(1, 0, makeRecord({ payload: cyclic }))
    expect(await apply({ producer }, ...records)).toMatchObject([
      { status: 'applied' },
      { status: 'permanent', code: 'ERR_NOT_SERIALIZABLE' },
      { status: 'permanent', code: 'ERR_PAYLOAD_TOO_LARGE' },
      { status: 'throttled', code: 'ERR_THROTTLED' },
      {
        status: 'unavailable',
        code: 'ERR_IO',
        message: "The producer answered 'unknown': no answer",
      },
      { status: 'unavailable', code: 'ERR_NOT_DURABLE' },
      { status: 'applied' },
    ])
    expect(producer.sent).toHaveLength(6)
  })

  it('takes a producer that rejects, or never answers, for an outage', async () => {
    const rejecting = { send: () => Promise.reject(new Error('broken')), close: async () => {} }
    expect(await apply({ producer: rejecting }, makeRecord())).toMatchObject([
      { status: 'unavailable', code: 'ERR_IO' },
    ])
    const silent = { send: () => new Promise<never>(() => {}), close: async () => {} }
    const stop = new AbortController()
    const applying = applyTo(queueTarget({ producer: silent }), [makeRecord()], stop.signal)
    stop.abort()
    expect(await applying).toMatchObject([{ status: 'unavailable', code: 'ERR_ABORTED' }])
  })

  it('sends no record that has left from here before, nor one that goes in a circle', async () => {
    const producer = new ScriptedProducer()
    const back = makeRecord({ headers: { 'daybook-trail': `${place} us/films#2` } })
    const places = Array.from({ length: 16 }, (_, at) => `r/n#${at}`)
    const lost = makeRecord({ headers: { 'daybook-trail': places.join(' ') } })
    expect(await apply({ producer }, back, lost)).toMatchObject([
      { status: 'applied' },
      { status: 'permanent', code: 'FORWARD_CIRCLE' },
    ])
    expect(producer.sent).toEqual([])
  })

  it('leaves a producer that it was given open', async () => {
    const producer = new ScriptedProducer()
    const target = queueTarget({ producer })
    await target.open?.()
    await target.close?.()
    expect(producer.closed).toBe(false)
    expect(target.largestBatch).toEqual({ maxRecords: 100, maxBytes: 2 ** 20 })
    const most = { maxRecords: 5, maxBytes: 1000 }
    expect(queueTarget({ producer, largestBatch: most }).largestBatch).toEqual(most)
  })

  it('opens a queue of its own again after that has failed, and closes it', async () => {
    const queue = memoryQueue()
    const [open, close] = [queue.open.bind(queue), queue.close.bind(queue)]
    let tries = 0
    let closings = 0
    queue.open = async (context) => {
      if (++tries === 1) throw new WalError('ERR_IO', 'not there yet')
      await open(context)
    }
    queue.close = async () => {
      closings++
      await close()
    }
    const target = queueTarget({ queue, namespace: 'films' })
    await expect(target.open?.()).rejects.toThrow('not there yet')
    await expect(applyTo(target, [makeRecord()])).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await target.open?.()
    expect(await applyTo(target, [makeRecord()])).toEqual([{ status: 'applied' }])
    expect(target.largestBatch).toEqual({
      maxRecords: queue.supports.largestBatchRecords,
      maxBytes: queue.supports.largestBatchBytes,
    })
    await target.close?.()
    expect(closings).toBe(1)
  })

  it('says at a write what the queue will never take', () => {
    const queue = memoryQueue()
    Object.assign(queue, { supports: { ...queue.supports, largestRecordBytes: 100 } })
    const { validate } = queueTarget({ queue, namespace: 'films' })
    const key = 'tt1'
    expect(validate?.(makeRecord({ key, payload: 'x'.repeat(95) }))).toBeUndefined()
    expect(validate?.(makeRecord({ key, payload: 'x'.repeat(96) }))).toMatch(
      /101 bytes.* takes 100/,
    )
    expect(validate?.(makeRecord({ key, headers: { a: 'y'.repeat(99) } }))).toMatch(/takes 100/)
    // Bytes, not characters: each of these letters has two.
    const wide = makeRecord({ key, headers: { ø: 'ø'.repeat(45) }, payload: 'ø'.repeat(2) })
    expect(validate?.(wide)).toMatch(/101 bytes/)
    expect(validate?.(makeRecord({ key: 'ø'.repeat(49), payload: 1 }))).toBeUndefined()
    expect(validate?.(makeRecord({ key: 'ø'.repeat(50), payload: 1 }))).toMatch(/101 bytes/)
    expect(validate?.(makeRecord({ key, payload: { n: 1n } }))).toMatch(/json codec cannot encode/)
    expect(queueTarget({ producer: new ScriptedProducer() }).validate).toBeUndefined()
  })

  it('refuses options that are wrong', () => {
    const producer = new ScriptedProducer()
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{}, /producer: is missing/],
      [{ queue: memoryQueue() }, /namespace: is missing/],
      [{ queue: {}, namespace: 'films' }, /queue: must be a queue/],
      [{ producer, queue: memoryQueue(), namespace: 'films' }, /producer: is not an option/],
      [{ producer, codec: 'json' }, /codec: must be a codec/],
      [{ producer, retries: 5 }, /retries: is not an option/],
      [{ producer, largestBatch: { maxRecords: 0 } }, /maxRecords: must be a whole number/],
    ]
    for (const [options, reason] of wrong)
      expect(() => queueTarget(options as never)).toThrow(reason)
  })

  it('is open until each that has opened it has closed it, and may be opened anew at once', async () => {
    const target = queueTarget({ queue: memoryQueue(), namespace: 'films' })
    const { signal } = new AbortController()
    const context = { namespace: 'films', target: 'queue', attempts: [1], signal, place }
    const applied = async () => target.apply([makeRecord({ key: 'a' })], context)
    await Promise.all([target.open?.(), target.open?.()])
    await target.close?.()
    expect(await applied()).toEqual([{ status: 'applied' }])
    const closing = target.close?.()
    await target.open?.()
    await closing
    expect(await applied()).toEqual([{ status: 'applied' }])
    await target.close?.()
    await expect(applied()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })
})
