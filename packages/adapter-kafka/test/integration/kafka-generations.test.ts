// needs: kafka

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Service, service } from '@daybook/services'
import { beforeAll, test } from 'vitest'
import type { KafkaPlace } from '../../src/index.ts'
import { clientFor } from '../support/clients.ts'
import { awaitCoordinator } from '../support/coordinator.ts'
import { HandMember } from '../support/hand-member.ts'

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
  await awaitCoordinator(kafka.address)
})

// The number under which kafkajs commits is fixed by the assignment that goes with it.
test('what a member of @platformatic/kafka has come to is not committed in a generation of which it was not told', {
  timeout: 60_000,
}, async ({ expect, onTestFinished }) => {
  const topic = `generations-${randomUUID()}`
  const group = `g-${topic}`
  const client = clientFor('@platformatic/kafka', kafka.address)
  const admin = await client.admin()
  onTestFinished(() => admin.close())
  await admin.create([{ topic, partitions: 1, replicas: 1, settings: new Map() }])
  const byHand = async () => {
    const member = await HandMember.connect(kafka.address, group)
    onTestFinished(() => member.close())
    return member
  }
  const [leader, third, fourth] = [await byHand(), await byHand(), await byHand()]
  await leader.join()
  await leader.giveTo(leader.memberId, topic)

  const told: (readonly KafkaPlace[])[] = []
  const joining = client.group(
    { group, topics: [topic], sessionTimeoutMs: 6_000 },
    {
      assigned: (places) => told.push(places),
      rebalancing() {},
      entries() {},
      failed() {},
    },
  )
  await leader.untilRebalance()
  const members = await leader.join()
  await leader.giveTo(members.find((one) => one !== leader.memberId) ?? '', topic)
  const member = await joining
  onTestFinished(() => member.close())
  await expect.poll(() => told.at(-1), { timeout: 10_000 }).toHaveLength(1)
  const commit = (offset: number) =>
    member.commit([{ topic, partition: 0, offset, metadata: '' }]).then(
      () => 'taken',
      () => 'refused',
    )
  expect(await commit(1)).toBe('taken')

  // A third one joins, and no word comes of who has what from now on.
  const thirdJoins = third.join()
  await leader.untilRebalance()
  await Promise.all([leader.join(), thirdJoins])
  await sleep(500)
  const before = told.length
  expect(await commit(2)).toBe('refused')
  // While a group is made anew its coordinator takes the commits of the generation before.
  fourth.join().catch(() => {})
  await leader.untilRebalance()
  expect(await commit(3)).toBe('refused')
  expect(told.slice(before)).toEqual([])
  expect((await admin.committed(group, topic)).get(0)?.offset).toBe(1)
})
