import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Admin } from '@platformatic/kafka'
import { directoryOf, readInstance } from '../instance.ts'
import { jarsDirectory } from '../maven.ts'
import { java } from '../needs/java.ts'
import { demand } from '../needs/need.ts'
import { host, type Place, properties, type Server } from '../server.ts'
import { waitUntil } from '../wait-until.ts'
import { secureListeners } from './kafka-secure.ts'
import { brokerSettings } from './kafka-settings.ts'

const jars = {
  name: 'kafka',
  artifacts: [
    'org.apache.kafka:kafka_2.13:4.3.1',
    'org.apache.logging.log4j:log4j-slf4j-impl:2.25.4', // without it the broker prints no log
  ],
}

const runtime = java({ from: 17, to: 25 })

/**
 * What lives for a test run does not earn back what a JVM spends on compiling as well as it can: the broker
 * starts with six tenths of the processor time. Benchmarks, and whoever starts one by hand, have it as it is.
 */
const quickly = '-XX:TieredStopAtLevel=1'

/** One broker in KRaft mode, which is its own controller. */
export const kafka: Server = {
  name: 'kafka',
  about: 'Kafka 4.3.1',
  ports: { client: 19092, controller: 19093, mutualTls: 19094, password: 19095, proxied: 19096 },
  needs: [runtime],
  jars,
  startLimitMs: 120_000,
  stopLimitMs: 30_000,

  async prepare(place) {
    const { directory, options } = place
    const id = clusterIdOf(place)
    if (options.secure === true) {
      const { ensureCertificates } = await import('../certificates.ts')
      await ensureCertificates(join(directory, 'certificates'))
    }
    writeFileSync(join(directory, 'server.properties'), configuration(place))
    writeFileSync(join(directory, 'log4j2.yaml'), logging)
    mkdirSync(join(directory, 'data'), { recursive: true })
    if (existsSync(join(directory, 'data', 'meta.properties'))) return
    const format = ['kafka.tools.StorageTool', 'format', '-t', id, '-c', 'server.properties']
    const { program, args } = jvm('-Xmx128m', quickly, ...format)
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: directory,
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`Kafka cannot format its storage:\n${stdout}${stderr}`)
  },

  command: () => {
    const compiling = process.env['DAYBOOK_BRIEF_SERVERS'] === '1' ? [quickly] : []
    return jvm('-Xms128m', '-Xmx512m', ...compiling, 'kafka.Kafka', 'server.properties')
  },

  async answers(place) {
    return withAdmin(place, async (admin) => {
      const { id, brokers } = await admin.metadata({ topics: [] })
      return id === clusterIdOf(place) && brokers.has(nodeOf(place))
    })
  },

  /** Deletes topics and groups. A group that still has members refuses, by name. */
  async empty(place) {
    await withAdmin(place, async (admin) => {
      const topics = await admin.listTopics()
      if (topics.length > 0) await admin.deleteTopics({ topics })
      const groups = [...(await admin.listGroups()).keys()]
      if (groups.length > 0) await admin.deleteGroups({ groups })
      const gone = await waitUntil(async () => (await admin.listTopics()).length === 0, 30_000)
      if (!gone) throw new Error('Kafka still has topics 30 s after they were deleted.')
    })
  },
}

/** The instance whose cluster this one joins. */
function leadOf({ options }: Place): Place | undefined {
  if (options.joins === undefined) return undefined
  const lead = readInstance(directoryOf('kafka', options.joins))
  if (lead === undefined) throw new Error(`There is no Kafka named ${options.joins} to join.`)
  return lead
}

function clusterIdOf(place: Place): string {
  return (leadOf(place) ?? place).id
}

function nodeOf(place: Place): number {
  return place.options.joins === undefined ? brokerSettings['node.id'] : 2
}

async function withAdmin<T>({ ports }: Place, work: (admin: Admin) => Promise<T>): Promise<T> {
  const { Admin } = await import('@platformatic/kafka') // loaded where Kafka is used
  const admin = new Admin({
    clientId: 'services',
    bootstrapBrokers: [`${host}:${ports.client}`],
    connectTimeout: 1_000,
    timeout: 10_000,
    retries: false,
  })
  try {
    return await work(admin)
  } finally {
    await admin.close()
  }
}

function jvm(...args: readonly string[]): { program: string; args: readonly string[] } {
  const classPath = join(jarsDirectory(jars), '*')
  const fixed = ['-XX:+UseSerialGC', '-Dlog4j2.configurationFile=log4j2.yaml', '-cp', classPath]
  return { program: join(demand(runtime), 'bin', 'java'), args: [...fixed, ...args] }
}

function configuration(place: Place): string {
  const { directory, ports, options } = place
  const lead = leadOf(place)
  const controller = lead === undefined ? { CONTROLLER: ports['controller'] ?? 0 } : {}
  const open = { PLAINTEXT: ports.client, ...controller }
  const proxied = options.advertised === undefined ? {} : { PROXIED: ports['proxied'] ?? 0 }
  const secure =
    options.secure === true ? secureListeners(ports, join(directory, 'certificates')) : undefined
  const listeners = { ...open, ...proxied, ...secure?.listeners }
  const at = (name: string, port: number): string => `${name}://${host}:${port}`
  const advertised = Object.entries(listeners)
    .filter(([name]) => name !== 'CONTROLLER')
    .map(([name, port]) =>
      name === 'PROXIED' ? `${name}://${options.advertised}` : at(name, port),
    )
  const protocols = [...Object.keys(listeners), ...(lead ? ['CONTROLLER'] : [])].map(
    (name) => `${name}:${secure?.protocols[name] ?? 'PLAINTEXT'}`,
  )
  return properties(
    brokerSettings,
    {
      listeners: Object.entries(listeners)
        .map(([name, port]) => at(name, port))
        .join(','),
      'advertised.listeners': advertised.join(','),
      'listener.security.protocol.map': protocols.join(','),
      'controller.quorum.voters': `1@${host}:${(lead?.ports ?? ports)['controller']}`,
      ...(lead === undefined ? {} : { 'process.roles': 'broker', 'node.id': nodeOf(place) }),
    },
    secure?.settings ?? {},
    options.settings ?? {},
  )
}

const logging = `Configuration:
  status: WARN
  Appenders:
    Console:
      name: STDOUT
      PatternLayout:
        pattern: "%d{ISO8601} %-5p %c{1} - %m%n"
  Loggers:
    Root:
      level: INFO
      AppenderRef:
        - ref: STDOUT
`
