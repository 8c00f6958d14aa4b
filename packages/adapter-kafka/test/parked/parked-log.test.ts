import { WalError } from '@daybook/core'
import { makeStoredRecord } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { Progress } from '../../src/consumer/progress.ts'
import { noteOf, type ParkedNote, textOf } from '../../src/consumer/progress-text.ts'
import type { KafkaEntry, KafkaMessage } from '../../src/index.ts'
import { messageOf } from '../../src/kafka-message.ts'
import { recordOf } from '../../src/kafka-record.ts'
import { ParkedLog } from '../../src/parked/parked-log.ts'
import { claimMessage, copyMessage, parkedFactOf } from '../../src/parked/parked-message.ts'

const place = { topic: 'films', partition: 0 }

function entryAt(offset: number): KafkaEntry {
  const record = makeStoredRecord({ id: `r${offset}`, key: 'k' })
  return { ...messageOf(record), offset, timestamp: 7 }
}

/** A parked partition in memory, and the commit of its owners. */
class Topic {
  first = 0
  entries: KafkaEntry[] = []
  note: ParkedNote | undefined
  /** Offsets that the commit has done with. */
  readonly committed = new Set<number>()
  isMissing = false
  /** So much nearer the end looks than it is. */
  lag = 0
  readonly lost: number[] = []

  put(messages: readonly KafkaMessage[]): void {
    for (const message of messages) {
      this.entries.push({ ...message, offset: this.entries.length, timestamp: 0 })
    }
  }

  bounds() {
    const next = this.entries.length - this.lag
    return this.isMissing ? undefined : { first: this.first, next }
  }

  /** Whoever is given the partition now. `open` has not been called. */
  owner() {
    const done = new Set(this.committed)
    const state = {
      isOwner: true,
      answer: 'yes' as 'yes' | 'lost' | 'late',
      late: [] as (() => void)[],
    }
    const log = new ParkedLog(
      {
        now: () => 1_000,
        random: () => 0,
        bounds: async () => this.bounds(),
        firstBounds: async () => this.bounds(),
        read: async (from, to, onEntries) => {
          if (from < this.first) throw new Error('OFFSET_OUT_OF_RANGE')
          onEntries(this.entries.slice(from, to))
        },
        put: async (messages) => {
          if (state.answer === 'late') state.late.push(() => this.put(messages))
          else this.put(messages)
          if (state.answer === 'yes') return messages.map(() => ({ durable: 'yes' as const }))
          const error = new WalError('ERR_IO', 'no answer')
          return messages.map(() => ({ durable: 'unknown' as const, error }))
        },
        noted: async () => {
          if (!state.isOwner) throw new Error('It is of an old generation.')
          this.note = log.note
          for (const offset of done) this.committed.add(offset)
        },
        isOpen: (offset) => !done.has(offset),
        trim: async (before) => {
          this.first = Math.max(this.first, before)
        },
        gone: (most) => this.lost.push(most),
      },
      this.note,
    )
    /** Parks these, and commits it unless told not to. */
    const park = async (offsets: readonly number[], isCommitted = true): Promise<void> => {
      await log.copy(offsets, (claim) =>
        offsets.map((offset) => copyMessage(claim, place, entryAt(offset))),
      )
      for (const offset of offsets) done.add(offset)
      if (isCommitted) for (const offset of offsets) this.committed.add(offset)
      if (isCommitted) this.note = log.note
    }
    const has = (...offsets: readonly number[]) => offsets.filter((offset) => log.has(offset))
    return { log, state, park, has }
  }
}

async function opened(topic: Topic) {
  const owner = topic.owner()
  await owner.log.open()
  return owner
}

test('a parked copy has everything of its record, and where it came from', () => {
  const record = makeStoredRecord({
    ...{ key: 'ä/.', attemptEpoch: 3, version: 1_234_567_890_123n, headers: { a: 'b' } },
    payload: undefined,
  })
  const entry = { ...messageOf(record), offset: 17, timestamp: 9 }
  const fact = parkedFactOf(copyMessage(5, place, entry))
  expect(fact).toMatchObject({
    kind: 'copy',
    claim: 5,
    entry: { offset: 17, timestamp: 9, value: null },
  })
  expect(fact?.kind === 'copy' && recordOf(fact.entry)).toEqual(recordOf(messageOf(record)))
  expect(parkedFactOf(messageOf(record))).toBeUndefined()
})

test('what is parked is noted with the commit, and so are the attempts of what stands before it', () => {
  const parked = { claim: 2_048_000, start: 7, floor: 5, count: 3 }
  const state = { spent: 2, interrupted: 0, notBefore: 0, history: [] }
  const note = { progress: new Progress(40), attempts: new Map([[12, state]]), begun: [13] }
  const read = noteOf(40, textOf({ ...note, parked }))
  expect(read.parked).toEqual(parked)
  expect(read.attempts.get(12)).toEqual(state)
  expect(read.attempts.get(13)).toMatchObject({ interrupted: 1 })
  expect(noteOf(40, textOf(note)).parked).toBeUndefined()
})

test('nothing is written into a parked topic of which nothing is parked', async () => {
  const topic = new Topic()
  const { log } = await opened(topic)
  expect(log.note).toBeUndefined()
  expect(topic.entries).toEqual([])
})

test('the next owner has what was parked and committed, and not what is done with', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  await one.park([1, 2, 3])
  await one.log.done([2])
  const two = await opened(topic)
  expect(two.has(1, 2, 3)).toEqual([1, 3])
  expect(two.log.count).toBe(2)
})

test('a copy that the commit does not have is taken back, also for those who come later', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  await one.park([1])
  await one.park([2], false)
  const two = await opened(topic)
  expect(two.has(1, 2)).toEqual([1])
  // It was applied from its own topic.
  topic.committed.add(2)
  const three = await opened(topic)
  expect(three.has(1, 2)).toEqual([1])
})

test('what a former owner writes once another has claimed the partition counts for nothing', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  await one.park([1, 2])
  const two = await opened(topic)
  await one.park([3], false)
  await one.log.done([1])
  topic.committed.add(3)
  const three = await opened(topic)
  expect(three.has(1, 2, 3)).toEqual([1, 2])
  expect(two.has(1, 2, 3)).toEqual([1, 2])
})

test('a claim that its owner was late to write is below that of the next one', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  await one.park([1])
  const late = topic.owner()
  late.state.answer = 'late'
  await expect(late.log.open()).rejects.toMatchObject({ code: 'ERR_IO' })
  const two = await opened(topic)
  for (const land of late.state.late) land()
  await two.park([2])
  expect((await opened(topic)).has(1, 2)).toEqual([1, 2])
})

test('whoever has lost the partition cannot claim it, and writes nothing', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  await one.park([1])
  const before = topic.entries.length
  const late = topic.owner()
  late.state.isOwner = false
  await expect(late.log.open()).rejects.toThrow('old generation')
  expect(topic.entries).toHaveLength(before)
})

test('a copy whose answer was lost does not count, whether it was stored or comes yet', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  await one.park([1])
  for (const answer of ['lost', 'late'] as const) {
    one.state.answer = answer
    await expect(one.park([2])).rejects.toMatchObject({ code: 'ERR_IO', retryable: true })
    expect(one.log.isUncertain).toBe(true)
    one.state.answer = 'yes'
    await one.log.settle()
    for (const land of one.state.late) land()
    expect(one.has(1, 2)).toEqual([1])
    // It was applied from its own topic meanwhile.
    topic.committed.add(2)
    topic.note = one.log.note
    expect((await opened(topic)).has(1, 2)).toEqual([1])
    topic.committed.delete(2)
    topic.note = one.log.note
  }
})

test('what was parked anew after a doubtful answer is there once, and in its order', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  one.state.answer = 'lost'
  await expect(one.park([1, 2])).rejects.toMatchObject({ code: 'ERR_IO' })
  one.state.answer = 'yes'
  await one.park([1])
  await one.park([2])
  const two = await opened(topic)
  expect(two.has(1, 2)).toEqual([1, 2])
  expect(two.log.count).toBe(2)
})

test('the broker may remove what lies before the first copy that counts, once that is committed', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  await one.park([1])
  await one.park([2])
  await one.log.done([1])
  const two = await opened(topic)
  expect(topic.first).toBe(1)
  topic.note = two.log.note
  const three = await opened(topic)
  expect(topic.first).toBe(2)
  expect(three.has(1, 2)).toEqual([2])
})

test('a log whose beginning is removed while it is used is told of, and goes on with what is left', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  await one.park([1, 2])
  await one.log.done([2])
  topic.first = topic.entries.length
  one.state.answer = 'lost'
  await expect(one.park([3])).rejects.toMatchObject({ code: 'ERR_IO' })
  one.state.answer = 'yes'
  await one.park([3])
  expect(topic.lost).toEqual([1])
  expect(one.has(1, 3)).toEqual([1, 3])
})

test('the next owner tells of copies that are gone without having been done with', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  await one.park([1])
  await one.park([2])
  await one.park([3])
  await one.log.done([1])
  const damaged = topic.entries[2]
  if (damaged)
    topic.entries[2] = { ...damaged, headers: new Map([['daybook-parked', Buffer.from('{')]]) }
  const two = await opened(topic)
  expect(two.has(1, 2, 3)).toEqual([3])
  expect(topic.lost).toEqual([1])
})

test('what is noted is carried on until it is known what is parked', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  await one.park([1, 2])
  const before = topic.note
  topic.isMissing = true
  const two = topic.owner()
  await expect(two.log.open()).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  expect(two.log.note).toEqual(before)
  expect(two.log.below(100)).toBe(2)
})

test('a parked topic that was made anew is told of, and serves on', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  await one.park([1, 2])
  topic.entries = []
  const two = await opened(topic)
  expect(topic.lost).toEqual([2])
  expect(two.log.count).toBe(0)
  await two.park([3])
  expect((await opened(topic)).has(1, 2, 3)).toEqual([3])
  expect(topic.lost).toEqual([2])
})

test('a parked topic that is made anew while it is used is told of, and what is held is done with', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  for (const offset of [1, 2, 3]) await one.park([offset])
  topic.entries = []
  one.state.answer = 'lost'
  await expect(one.park([4])).rejects.toMatchObject({ code: 'ERR_IO' })
  one.state.answer = 'yes'
  await one.park([4])
  expect(topic.lost).toEqual([3])
  await one.log.done([1, 2, 3])
  expect((await opened(topic)).has(1, 2, 3, 4)).toEqual([4])
})

test('a group whose commits are forgotten has what is parked behind whatever claim there is', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  await one.park([1])
  topic.put([claimMessage(9_000_000)])
  topic.put([copyMessage(9_000_000, place, entryAt(2))])
  topic.committed.add(2)
  topic.note = undefined
  const two = await opened(topic)
  expect(two.has(1, 2)).toEqual([1, 2])
  await two.park([3])
  expect((await opened(topic)).has(1, 2, 3)).toEqual([1, 2, 3])
})

test('an end that looks nearer than it is says nothing of what is parked', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  await one.park([1, 2, 3])
  one.state.answer = 'lost'
  await expect(one.park([4])).rejects.toThrow(/Not known/)
  one.state.answer = 'yes'
  await one.log.settle()
  topic.lag = topic.entries.length
  one.state.answer = 'lost'
  await expect(one.park([4])).rejects.toThrow(/Not known/)
  one.state.answer = 'yes'
  await expect(one.log.settle()).rejects.toThrow(/not to be read yet/)
  topic.lag = 0
  await one.log.settle()
  await one.log.done([2])
  topic.note = one.log.note
  expect((await opened(topic)).has(1, 2, 3, 4)).toEqual([1, 3])
  expect(topic.lost).toEqual([])
})

test('of a log that has lost its end what is left counts on, and the rest is told of', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  await one.park([1, 2])
  await one.park([3])
  one.state.answer = 'lost'
  await expect(one.park([4])).rejects.toThrow(/Not known/)
  one.state.answer = 'yes'
  await one.log.settle()
  // The copies of 3 and 4, and the claims behind them.
  topic.entries.length = 3
  one.state.answer = 'lost'
  await expect(one.park([4])).rejects.toThrow(/Not known/)
  one.state.answer = 'yes'
  await one.log.settle()
  expect(topic.lost).toEqual([1])
  await one.log.done([3])
  topic.note = one.log.note
  expect((await opened(topic)).has(1, 2, 3, 4)).toEqual([1, 2])
})

test('what is done with may be removed also while its process lives on', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  for (let offset = 0; offset < 20_500; offset++) {
    await one.park([offset])
    await one.log.done([offset])
  }
  expect(topic.first).toBeGreaterThan(19_000)
  expect(topic.first).toBeLessThan(topic.note?.start ?? 0)
})

test('what came late counts for nothing also where the claim that it is behind lies before the start that is noted', async () => {
  const topic = new Topic()
  const one = await opened(topic)
  await one.park([1])
  const two = await opened(topic)
  await two.park([2])
  // Void: behind the second claim. Its record was read from its own topic, and is done with.
  await one.park([3], false)
  topic.committed.add(3)
  await two.log.done([1])
  topic.note = two.log.note
  expect((await opened(topic)).has(1, 2, 3)).toEqual([2])
})
