import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Delivery } from '../../src/consumer/consumer.ts'
import { salvageFileQueue } from '../../src/queue/file/inspect/salvage-file-queue.ts'
import { verifyFileQueue } from '../../src/queue/file/inspect/verify-file-queue.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { OpenQueue, pullNow } from '../queue/file/support/open-queue.ts'
import { readLog } from '../queue/file/support/read-log.ts'
import { temporaryDirectory } from '../queue/file/support/temporary-directory.ts'
import { type Expected, letterJson, recordJson } from './support/golden-json.ts'
import { targets } from './support/golden-maker.ts'

const folders = readdirSync(import.meta.dirname).filter((name) => name.startsWith('format-'))
const cases = folders.flatMap((folder) =>
  readdirSync(join(import.meta.dirname, folder)).map((name) => join(folder, name)),
)

/** Long after everything in them is due. */
const later = () => new VirtualClock({ now: Date.UTC(2030, 0, 1) })

/** A copy to do anything with, and what must come out of it. */
async function copyOf(name: string): Promise<{ directory: string; expected: Expected }> {
  const golden = join(import.meta.dirname, name)
  const directory = join(await temporaryDirectory(), 'queue')
  cpSync(join(golden, 'queue'), directory, { recursive: true })
  const expected = JSON.parse(readFileSync(join(golden, 'expected.json'), 'utf8'))
  return { directory, expected }
}

function open(directory: string): Promise<OpenQueue> {
  return OpenQueue.open({ directory, targets, namespace: 'titles' }, later())
}

function idsByKey(deliveries: readonly Delivery[]): Record<string, readonly string[]> {
  const keys = new Set(deliveries.map(({ record }) => record.key ?? ''))
  const idsOf = (key: string): readonly string[] =>
    deliveries.filter(({ record }) => (record.key ?? '') === key).map(({ record }) => record.id)
  return Object.fromEntries([...keys].map((key) => [key, idsOf(key)]))
}

async function lettersIn({ queue }: OpenQueue) {
  const page = await (await queue.deadLetters())?.list({ limit: 100 })
  return page?.letters.map(letterJson)
}

describe.each(cases)('the golden queue %s', (name) => {
  it('is sound', async () => {
    const { directory, expected } = await copyOf(name)
    const { ok, problems, log } = await verifyFileQueue({ directory })
    expect([ok, problems]).toEqual([true, []])
    expect(log).toMatchObject({
      namespace: 'titles',
      records: expected.records.length + log.behindTornTail,
      firstSequence: expected.firstSequence,
    })
  })

  it('holds the records and the dead letters that were put into it', async () => {
    const { directory, expected } = await copyOf(name)
    const opened = await open(directory)
    expect(await lettersIn(opened)).toEqual(expected.deadLetters)
    await opened.queue.close()
    const entries = await readLog(directory)
    expect(entries.map(({ record }) => recordJson(record))).toEqual(expected.records)
    expect(entries.map(({ sequence }) => sequence)).toEqual(
      expected.records.map((_, index) => expected.firstSequence + index),
    )
    expect(opened.errors).toEqual([])
  })

  it('gives each target what it has not had, in order, with what was tried', async () => {
    const { directory, expected } = await copyOf(name)
    const records = new Map(expected.records.map((record) => [record.id, record]))
    const opened = await open(directory)
    for (const target of targets) {
      const consumer = await opened.consumer(target)
      const deliveries = await pullNow(consumer)
      expect(idsByKey(deliveries)).toEqual(expected.pending[target])
      for (const { record } of deliveries) {
        expect(recordJson(record)).toEqual(records.get(record.id))
      }
      const tried = deliveries.filter(({ attempts }) => attempts.spent > 0)
      const attempts = tried.map(({ record, attempts: { spent, interrupted } }) => [
        record.id,
        { spent, interrupted },
      ])
      expect(Object.fromEntries(attempts)).toEqual(expected.attempts[target])
      await consumer.ack(deliveries)
      await consumer.close()
    }
    await opened.queue.close()
  })

  it('goes on from there', async () => {
    const { directory, expected } = await copyOf(name)
    for (let life = 0; life < 2; life++) {
      const opened = await open(directory)
      await opened.send({ namespace: 'titles', key: 'new' }, { namespace: 'titles', key: 'new' })
      for (const target of targets) {
        const consumer = await opened.consumer(target)
        const deliveries = await pullNow(consumer)
        expect(deliveries.slice(-2).map(({ record }) => record.key)).toEqual(['new', 'new'])
        await consumer.ack(deliveries)
        await consumer.close()
      }
      expect(opened.errors).toEqual([])
      await opened.queue.close()
    }
    const { ok, log } = await verifyFileQueue({ directory })
    const { length } = expected.records
    expect([ok, log.lastSequence]).toEqual([true, expected.firstSequence - 1 + length + 4])
  })

  it('can be salvaged whole', async () => {
    const { directory, expected } = await copyOf(name)
    const into = `${directory}.salvaged`
    const { complete, lost, found } = await salvageFileQueue({ from: directory, into })
    expect([complete, lost]).toEqual([true, []])
    const entries = await readLog(into)
    const whole = entries.slice(0, entries.length - found.log.behindTornTail)
    expect(whole.map(({ record }) => recordJson(record))).toEqual(expected.records)
    const opened = await open(into)
    expect(await lettersIn(opened)).toEqual(expected.deadLetters)
    for (const target of targets) {
      const consumer = await opened.consumer(target)
      expect(idsByKey(await pullNow(consumer))).toEqual(expected.pending[target])
      await consumer.close()
    }
    await opened.queue.close()
  })
})
