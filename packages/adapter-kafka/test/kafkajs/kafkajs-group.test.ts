import { expect, test } from 'vitest'
import type { KafkaGroup } from '../../src/index.ts'
import { joinGroup } from '../../src/kafkajs/kafkajs-group.ts'
import type { KafkaJs } from '../../src/kafkajs/kafkajs-types.ts'

type EachBatch = Parameters<ReturnType<KafkaJs['consumer']>['run']>[0]['eachBatch']

type Member = Awaited<ReturnType<typeof fullMember>>

const place = { topic: 'films', partition: 0 }

/** A member whose client does nothing but say what it was told; every batch fills its partition. */
async function fullMember() {
  const told: string[] = []
  const assigned: number[] = []
  const on = new Map<string, (event: unknown) => void>()
  let eachBatch: EachBatch | undefined
  let waitMs: unknown
  const consumer = {
    connect: async () => {},
    disconnect: async () => {},
    subscribe: async () => {},
    run: async (options: { eachBatch: EachBatch }) => {
      eachBatch = options.eachBatch
    },
    on: (event: string, listener: (event: unknown) => void) => on.set(event, listener),
    commitOffsets: async () => {},
    seek: ({ offset }: { offset: string }) => told.push(`seek ${offset}`),
    pause: () => told.push('pause'),
    resume: () => told.push('resume'),
  }
  let group: KafkaGroup | undefined
  group = await joinGroup(
    {
      consumer: (options: { maxWaitTimeInMs: unknown }) => {
        waitMs = options.maxWaitTimeInMs
        return consumer
      },
    } as unknown as KafkaJs,
    { group: 'g', topics: ['films'], sessionTimeoutMs: 6_000 },
    {
      assigned: (places) => assigned.push(places.length),
      rebalancing: () => {},
      entries: () => group?.pause(place),
      failed: () => {},
    },
  )
  const take = (last: number): Promise<void> => {
    const batch = { ...place, messages: [], lastOffset: () => String(last) }
    return (
      eachBatch?.({ batch, isStale: () => false }) ?? Promise.reject(new Error('It is not run.'))
    )
  }
  const rejoin = (): void =>
    on.get('consumer.group_join')?.({
      payload: { memberId: 'm', memberAssignment: { films: [0] } },
    })
  const request = (apiName: string): void =>
    on.get('consumer.network.request')?.({ payload: { apiName } })
  return { group, told, assigned, take, rejoin, request, waitMs: () => Number(waitMs) }
}

test('a full partition of kafkajs in which there is soon room again is neither paused nor sought', async () => {
  const { group, told, take } = await fullMember()
  let isTaken = false
  const taking = take(9).then(() => {
    isTaken = true
  })
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(isTaken).toBe(false)
  group.read(place, 10)
  await taking
  expect(told).toEqual([])
})

test('a partition of kafkajs that stays full is paused, and read on from where it was', async () => {
  const { group, told, take } = await fullMember()
  await take(9)
  expect(told).toEqual(['pause'])
  group.read(place, 10)
  expect(told).toEqual(['pause', 'seek 10', 'resume'])
})

test('a full partition of kafkajs that is to be read elsewhere is sought there', async () => {
  const { group, told, take } = await fullMember()
  const taking = take(9)
  group.read(place, 5)
  await taking
  expect(told).toEqual(['seek 5', 'resume'])
})

test('a member of kafkajs that leaves does not wait for room', async () => {
  const { group, told, take } = await fullMember()
  const taking = take(9)
  await group.close()
  await taking
  expect(told).toEqual([])
})

test('a full partition of kafkajs that is given out anew meanwhile is sought, for all are paused then', async () => {
  const { group, told, take, rejoin } = await fullMember()
  const taking = take(9)
  rejoin()
  await taking
  group.read(place, 10)
  expect(told).toEqual(['pause', 'seek 10', 'resume'])
})

test('a member of kafkajs that was counted in a generation of which it was not told has not kept its partitions', async () => {
  const { assigned, rejoin, request } = await fullMember()
  for (const name of ['JoinGroup', 'SyncGroup']) request(name)
  rejoin()
  expect(assigned).toEqual([0, 1])
  for (const name of ['Fetch', 'JoinGroup', 'SyncGroup']) request(name)
  rejoin()
  expect(assigned).toEqual([0, 1, 1])
  for (const name of ['JoinGroup', 'SyncGroup', 'JoinGroup', 'SyncGroup']) request(name)
  rejoin()
  expect(assigned).toEqual([0, 1, 1, 0, 1])
})

test.each([
  ['pauses', ({ group }: Member) => group.pause(place)],
  ['commits', ({ group }: Member) => group.commit([{ ...place, offset: 1, metadata: '' }])],
  ['is handed something', ({ take }: Member) => take(9)],
])(
  'a member of kafkajs that %s does not have its next fetch or sleep take long',
  async (_, act) => {
    const member = await fullMember()
    expect(member.waitMs()).toBe(250)
    void act(member)
    expect(member.waitMs()).toBeLessThan(250)
    await member.group.close()
  },
)
