import type { FileQueueOptions } from '../../../src/queue/file/file-queue.ts'
import type { QueueContext } from '../../../src/queue/queue.ts'
import type { StoredRecord } from '../../../src/record.ts'
import { makeDeadLetter } from '../../../src/testing/make-record.ts'
import { type GoldenMaker, targets } from './golden-maker.ts'

/** One golden directory: what is to be in it, and how it comes to be. */
export interface GoldenCase {
  /** Of its folder. */
  readonly name: string
  readonly about: string
  readonly options?: FileQueueOptions
  readonly context?: Partial<QueueContext>
  make(maker: GoldenMaker): Promise<void>
}

const dayMs = 86_400_000

const everyField: readonly Partial<StoredRecord>[] = [
  {},
  { op: 'patch', payload: Buffer.from('{"year":1946}') },
  { op: 'delete', payload: undefined },
  { op: 'delete', payload: Buffer.from('{"id":"tt1"}') },
  { payload: Buffer.alloc(0) },
  { payload: Buffer.from([0, 255, 1, 254]) },
  { id: 'not-a-uuid' },
  { id: '019AA9B2-7C00-7000-8000-00000000002A' },
  { key: undefined },
  { key: 'schlüssel 鍵 🔑' },
  { key: 'lone \ud800 surrogate' },
  { key: 'lone \udfff surrogate' },
  { headers: { source: 'écrit', 'lone \udc00': 'value \ud801' } },
  { namespace: 'other', key: 'elsewhere' },
  { origin: 'eu-west', version: 2n ** 62n + 5n },
  { target: 'search' },
  { transaction: { id: 'tx-1', index: 4_000_000_000 } },
  { traceContext: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' } },
  {
    traceContext: {
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00',
      tracestate: 'vendor=value',
    },
  },
  { encryptionKeyId: 'key 7' },
  { attemptEpoch: 3, target: 'cassandra' },
  { key: 'early', writtenAt: 1_700_000_000_000.5 },
]

/** The cases of format version 1. Add at the end; never change one that is there. */
export const cases: readonly GoldenCase[] = [
  {
    name: 'closed',
    about: 'one segment, closed cleanly; each target is done with a part',
    async make(maker) {
      await maker.open()
      await maker.send({}, {}, {})
      await maker.send({}, {})
      await maker.ack('search', (await maker.pull('search')).slice(0, 2))
      await maker.ack('cassandra', await maker.pull('cassandra'))
      await maker.close()
    },
  },
  {
    name: 'killed',
    about: 'the process died; nothing says where the log ends',
    async make(maker) {
      await maker.open()
      await maker.send({}, {}, {})
      await maker.ack('search', (await maker.pull('search')).slice(1, 2))
      await maker.send({})
      maker.kill()
    },
  },
  {
    name: 'torn-tail',
    about: 'the power was cut during the last write: its end is not on the disk',
    async make(maker) {
      await maker.open()
      await maker.send({}, {})
      await maker.send({})
      await maker.sendTorn({}, {})
      maker.kill()
    },
  },
  {
    name: 'segments',
    about: 'several segments',
    async make(maker) {
      await maker.open()
      for (let group = 0; group < 8; group++) await maker.send({}, {})
      await maker.ack('search', (await maker.pull('search')).slice(0, 9))
      await maker.close()
    },
  },
  {
    name: 'every-field',
    about: 'records with each field there is, and texts that UTF-8 cannot hold',
    async make(maker) {
      await maker.open()
      await maker.send(...everyField)
      await maker.close()
    },
  },
  {
    name: 'delayed',
    about: 'delayed records; some are in runs, some were due and are done with, one came in last',
    options: { scheduleRecords: 4 },
    async make(maker) {
      await maker.open()
      const dueIn = (days: number) => ({ dueAt: maker.clock.now() + days * dayMs })
      await maker.send({}, dueIn(3), dueIn(1), dueIn(2), dueIn(1), dueIn(4), {})
      await maker.ack('search', await maker.pull('search'))
      await maker.send(dueIn(5), dueIn(0.5), {}, dueIn(6), dueIn(7))
      await maker.ack('search', await maker.pull('search'))
      maker.clock.stepWallClock(1.5 * dayMs)
      await maker.ack('search', await maker.pull('search'))
      await maker.close()
      await maker.open()
      await maker.send(dueIn(9))
      await maker.close()
    },
  },
  {
    name: 'attempts',
    about: 'records that were tried in vain, and some whose attempt was cut short by a death',
    async make(maker) {
      await maker.open()
      await maker.send({}, {}, {}, {})
      const [first, second, third] = await maker.pull('search')
      if (!first || !second || !third) throw new Error('there are four')
      const failed = {
        at: maker.clock.now(),
        durationMs: 7,
        target: 'search',
        class: 'transient',
        code: 'ECONNRESET',
        message: 'The connection broke.',
      } as const
      const notBefore = maker.clock.now() + 1000
      await maker.saveAttempts('search', [first], {
        spent: 1,
        interrupted: 0,
        notBefore,
        history: [failed],
      })
      await maker.saveAttempts('search', [second], {
        spent: 2,
        interrupted: 1,
        notBefore: 0,
        history: [failed, { ...failed, class: 'interrupted', code: 'ERR_INTERRUPTED' }],
      })
      await maker.begin('search', [third])
      maker.kill()
    },
  },
  {
    name: 'many-acks',
    about: 'acks in no order: holes, and ranges that close up',
    options: { segmentBytes: 4096 + 8000 },
    async make(maker) {
      await maker.open()
      const many = Array.from({ length: 60 }, () => ({ payload: Buffer.from('{}') }))
      await maker.send(...many)
      const deliveries = await maker.pull('search')
      for (const rest of [3, 1, 4]) {
        const some = deliveries.filter((_, index) => index % 7 === rest)
        await maker.ack('search', some.reverse())
      }
      await maker.ack('search', deliveries.slice(20, 40))
      await maker.close()
    },
  },
  {
    name: 'dead-letters',
    about: 'letters that were put, put again, and removed',
    async make(maker) {
      await maker.open()
      const sent = await maker.send({}, {}, { key: 'lone \ud800', headers: { a: 'b' } }, {})
      await maker.ack('search', await maker.pull('search'))
      const letters = sent.map((record, index) =>
        makeDeadLetter({
          record,
          target: 'search',
          at: maker.clock.now() + index,
          code: 'REFUSED',
        }),
      )
      await maker.putLetters(...letters)
      await maker.removeLetters(letters[0]?.id ?? '', letters[3]?.id ?? '')
      await maker.putLetters({ ...letters[1], message: 'Refused again.' } as (typeof letters)[0])
      await maker.close()
    },
  },
  {
    name: 'void-records',
    about: 'a sync failed: the next segment says that what it was to sync is void',
    async make(maker) {
      await maker.open()
      await maker.send({}, {})
      await maker.sendRefused({}, {})
      await maker.send({}, {})
      await maker.close()
    },
  },
  {
    name: 'markers',
    about: 'closed and gone on with, more than once: markers in the midst',
    options: { segmentBytes: 4096 + 4096 },
    async make(maker) {
      for (let life = 0; life < 3; life++) {
        await maker.open()
        await maker.send({}, {})
        await maker.close()
      }
    },
  },
  {
    name: 'begun-segment',
    about: 'the next segment was begun when the power was cut: a file that holds nothing yet',
    async make(maker) {
      await maker.open()
      for (let group = 0; group < 3; group++) await maker.send({}, {})
      maker.kill()
      maker.addFile('segments/000000000099.segment', Buffer.alloc(4096))
    },
  },
  {
    name: 'retention',
    about: 'segments that were let go, and their files used again: old frames behind the new ends',
    options: { segmentBytes: 4096 + 500 },
    context: { retention: { timeMs: Number.POSITIVE_INFINITY, bytes: 12_000 } },
    async make(maker) {
      await maker.open()
      for (let round = 0; round < 12; round++) {
        await maker.send({}, {})
        await maker.ack('search', await maker.pull('search'))
        await maker.ack('cassandra', await maker.pull('cassandra'))
        await maker.settle(1500)
      }
      await maker.send({}, {})
      maker.kill()
    },
  },
  {
    name: 'retention-closed',
    about: 'segments that were let go, and a target that holds the rest; closed cleanly',
    options: { segmentBytes: 4096 + 500 },
    context: { retention: { timeMs: Number.POSITIVE_INFINITY, bytes: 12_000 } },
    async make(maker) {
      await maker.open()
      for (let round = 0; round < 12; round++) {
        await maker.send({}, {})
        await maker.ack('search', await maker.pull('search'))
        const ofCassandra = await maker.pull('cassandra')
        await maker.ack('cassandra', round < 6 ? ofCassandra : [])
        await maker.settle(300_000)
      }
      await maker.close()
    },
  },
  {
    name: 'recalled',
    about: 'delayed records that were cancelled or given another time, some of them in runs',
    options: { scheduleRecords: 4 },
    async make(maker) {
      await maker.open()
      const dueIn = (days: number) => ({ dueAt: maker.clock.now() + days * dayMs })
      const inRuns = await maker.send({}, ...[3, 1, 2, 4, 5, 6].map(dueIn))
      for (const target of targets) await maker.ack(target, await maker.pull(target))
      await maker.settle(1500)
      const inMemory = await maker.send({}, dueIn(7), dueIn(8), dueIn(9))
      const unread = await maker.send(dueIn(10), dueIn(11))
      for (const [at, record] of [inRuns[1], inRuns[4], inMemory[1], unread[0]].entries()) {
        await maker.recall(record, at % 2 === 0 ? undefined : maker.clock.now() + (at + 1) * dayMs)
      }
      const again = maker.records.at(-1)
      await maker.recall(again, maker.clock.now() + 12 * dayMs)
      await maker.settle(1500)
      await maker.recall(inRuns[6])
      maker.kill()
    },
  },
]
