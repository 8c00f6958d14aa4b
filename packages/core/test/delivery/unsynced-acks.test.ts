import { expect, it } from 'vitest'
import type { Delivery } from '../../src/consumer/consumer.ts'
import type { Fate } from '../../src/delivery/drain.ts'
import { Intake, type IntakeOptions } from '../../src/delivery/intake.ts'
import { UnsyncedAcks } from '../../src/delivery/unsynced-acks.ts'
import { deadLetterId } from '../../src/dlq/dlq.ts'
import { makeStoredRecord } from '../../src/testing/index.ts'

const write = (key?: string) => ({ record: makeStoredRecord({ key }) }) as Delivery
const marker = () => {
  const record = makeStoredRecord({ key: 'marker' })
  return { record: { ...record, transaction: { id: record.id, index: 3 } } } as Delivery
}
const synced = async (): Promise<void> => {}

async function afterSync(): Promise<UnsyncedAcks> {
  const acks = new UnsyncedAcks()
  await acks.syncedBy(synced)
  return acks
}

it('acks may be of any key until they were synced for the first time', async () => {
  const acks = new UnsyncedAcks()
  expect(acks.mayHave(['a'])).toBe(true)
  await acks.syncedBy(synced)
  expect(acks.mayHave(['a'])).toBe(false)
})

it('the keys of what has ended are unsynced until a sync that began later has succeeded', async () => {
  const acks = await afterSync()
  acks.ended(write('a'), 'applied')
  acks.ended(write(), 'applied')
  expect(acks.mayHave(['x', 'a'])).toBe(true)
  expect(acks.mayHave(['b'])).toBe(false)
  const disk = Promise.withResolvers<void>()
  const syncing = acks.syncedBy(() => disk.promise)
  acks.ended(write('b'), 'dead')
  expect(acks.mayHave(['a'])).toBe(true)
  disk.resolve()
  await syncing
  expect(acks.mayHave(['a'])).toBe(false)
  expect(acks.mayHave(['b'])).toBe(true)
})

it('after a sync that failed the acks may be of any key', async () => {
  const acks = await afterSync()
  await expect(acks.syncedBy(() => Promise.reject(new Error('EIO')))).rejects.toThrow('EIO')
  expect(acks.mayHave(['a'])).toBe(true)
})

it('a transaction that was applied leaves nothing unsynced, one that was parked may be of any key', async () => {
  const acks = await afterSync()
  for (const fate of ['applied', 'superseded'] satisfies Fate[]) acks.ended(marker(), fate)
  expect(acks.mayHave(['marker'])).toBe(false)
  for (const fate of ['dead', 'lost'] satisfies Fate[]) {
    const others = await afterSync()
    others.ended(marker(), fate)
    expect(others.mayHave(['a']), fate).toBe(true)
  }
})

it('the keys of many records are not kept one by one', async () => {
  const acks = await afterSync()
  for (let count = 0; count < 1_000; count++) acks.ended(write(`key ${count}`), 'applied')
  expect(acks.mayHave(['a'])).toBe(false)
  acks.ended(write('one more'), 'applied')
  expect(acks.mayHave(['a'])).toBe(true)
})

it('the key of a record that came again, and was dead already, is unsynced', async () => {
  const acks = await afterSync()
  const skipped: Delivery[] = []
  const intake = new Intake({
    ...{ targetName: 'base', unsyncedAcks: acks, limits: { maxRecords: 1 } },
    ...{ policy: { concurrency: 1 }, clock: { monotonic: () => 0 } },
    endings: { skip: (deliveries: Delivery[]) => skipped.push(...deliveries) },
  } as unknown as IntakeOptions)
  const dead = write('a')
  const { record } = dead
  const everything = {
    covers: () => true,
    remaining: async () => undefined,
    silenceMs: () => never,
  }
  const letters = new Map([[deadLetterId(record, 'base'), record.version]])
  intake.begin({ end: everything, due: everything, letters })
  intake.accept([dead])
  expect(skipped).toEqual([dead])
  expect(acks.mayHave(['a'])).toBe(true)
  expect(acks.mayHave(['b'])).toBe(false)
})

const never = new Promise<never>(() => {})
