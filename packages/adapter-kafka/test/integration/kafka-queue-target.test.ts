// needs: kafka

import { randomUUID } from 'node:crypto'
import { queueTarget } from '@daybook/core'
import { type Service, service } from '@daybook/services'
import { afterAll, beforeAll, test } from 'vitest'
import {
  expectForwardingKept,
  type Film,
} from '../../../../tests/support/forwarding-conformance.ts'
import { archiveOn, topicQueue } from '../support/archive.ts'
import { clientNames } from '../support/clients.ts'
import { resetPatiently } from '../support/reset.ts'

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
})
afterAll(async () => {
  await resetPatiently(kafka)
})

test.concurrent.for(clientNames)(
  'a topic as a target passes the suite of targets, through %s',
  async (name) => {
    const place = { name, broker: kafka.address, topic: `forwarded-${randomUUID()}` }
    const archive = await archiveOn(place)
    const forwarding = queueTarget<Film>({ queue: topicQueue(place), namespace: 'films' })
    await forwarding.open?.()
    // Through both clients together: five hundred histories.
    await expectForwardingKept(forwarding, archive, clientNames.indexOf(name))
    await forwarding.close?.()
    await archive.wal.close()
  },
)
