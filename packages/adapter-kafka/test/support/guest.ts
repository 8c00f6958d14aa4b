import { kafkaGuest, readCertificates, type Service } from '@daybook/services'
import {
  type AclEntry,
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  Kafka,
  logLevel,
} from 'kafkajs'
import { type KafkaClient, kafkajs } from '../../src/index.ts'
import { platformatic } from '../../src/platformatic/index.ts'
import type { ClientName } from './clients.ts'

/** How a guest comes in, who may do only what access control lists allow. */
export interface GuestOptions {
  readonly clientId?: string
  readonly password?: string
}

/** A client that comes in as the guest. */
export function guestClient(
  kafka: Service,
  name: ClientName,
  { clientId = 'guest', password = kafkaGuest.password }: GuestOptions = {},
): KafkaClient {
  const broker = `${kafka.host}:${kafka.ports['password']}`
  const { ca } = readCertificates(`${kafka.directory}/certificates`)
  const guest = { ...kafkaGuest, password }
  if (name === '@platformatic/kafka') {
    return platformatic({
      ...{ clientId, bootstrapBrokers: [broker], retries: 1 },
      ...{ tls: { ca }, sasl: { mechanism: 'PLAIN', ...guest } },
    })
  }
  return kafkajs(
    new Kafka({
      ...{ clientId, brokers: [broker], logLevel: logLevel.NOTHING, retry: { retries: 2 } },
      ...{ ssl: { ca }, sasl: { mechanism: 'plain', ...guest } },
    }),
  )
}

/** What a right is of. */
export type Resource = readonly ['topic' | 'group', string]

const { ALLOW, DENY } = AclPermissionTypes

/** Lets the guest do anything with what has these names in front, but for one thing. */
export async function allowAllBut(
  kafka: Service,
  prefix: string,
  denied?: readonly [Resource, AclOperationTypes],
): Promise<void> {
  const allowed = (
    [
      ['topic', prefix],
      ['group', `daybook.${prefix}`],
      ['group', 'daybook.reader.'],
    ] as const
  ).map((resource) => ({
    ...entryOf(resource, AclOperationTypes.ALL),
    ...{ permissionType: ALLOW, resourcePatternType: 4 },
  }))
  const but = denied ? [denialOf(...denied)] : []
  await asAdmin(kafka, async (admin) => {
    await admin.createAcls({ acl: [...allowed, ...but] })
    // The broker answers before it goes by them.
    const any = { resourceType: 1, resourcePatternType: 1, operation: 1, permissionType: 1 }
    const isKnown = async ({ resourceName, permissionType }: AclEntry) => {
      const { resources } = await admin.describeAcls({ ...any, resourceName })
      return resources.some(({ acls }) => acls.some((one) => one.permissionType === permissionType))
    }
    for (const wanted of [...allowed, ...but]) {
      while (!(await isKnown(wanted))) await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })
}

/** Takes back that it was denied. */
export async function allowAgain(
  kafka: Service,
  ...denied: readonly [Resource, AclOperationTypes]
): Promise<void> {
  await asAdmin(kafka, (admin) => admin.deleteAcls({ filters: [denialOf(...denied)] }))
}

/** As somebody who may do anything. */
export async function asAdmin<T>(
  kafka: Service,
  run: (admin: ReturnType<Kafka['admin']>) => Promise<T>,
): Promise<T> {
  const admin = new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    return await run(admin)
  } finally {
    await admin.disconnect()
  }
}

function denialOf(resource: Resource, operation: AclOperationTypes) {
  return { ...entryOf(resource, operation), permissionType: DENY, resourcePatternType: 3 }
}

function entryOf([kind, resourceName]: Resource, operation: AclOperationTypes) {
  return {
    resourceType: kind === 'topic' ? AclResourceTypes.TOPIC : AclResourceTypes.GROUP,
    ...{ resourceName, operation, host: '*', principal: `User:${kafkaGuest.username}` },
  }
}
