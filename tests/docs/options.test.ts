import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { SqsModel } from '@daybook/adapter-sqs/testing'
import { systemClock } from '@daybook/core'
import { describe, expect, test } from 'vitest'
import { settingsOf } from '../../packages/adapter-kafka/src/kafka-options.ts'
import type { KafkaJs } from '../../packages/adapter-kafka/src/kafkajs/kafkajs-types.ts'
import { resolveOptions } from '../../packages/adapter-sqs/src/sqs-options.ts'
import { durationMs, sizeBytes } from '../../packages/core/src/config/quantity.ts'
import { walOptionsSchema } from '../../packages/core/src/config/schema.ts'
import { membersOf, type OptionRow, optionsUnder } from './options.ts'
import { leavesOf } from './schema-leaves.ts'

const root = dirname(dirname(import.meta.dirname))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const page = read('docs/configuration.md')

/** By heading of the page, what its options' paths begin with in the schema. */
const sections = { createWal: '', Shards: 'shards.NAME.', Namespaces: 'namespaces.NAME.' }
const rows = new Map(
  Object.entries(sections).flatMap(([heading, prefix]) =>
    optionsUnder(page, heading).map((row) => [prefix + row.name, row] as const),
  ),
)
const leaves = leavesOf(walOptionsSchema)

describe('docs/configuration.md', () => {
  test('has every option of createWal, and no other', () => {
    expect([...rows.keys()].sort()).toEqual([...leaves.keys()].sort())
  })

  test('gives each the default that it has', () => {
    const wrong = [...leaves].flatMap(([path, { usual }]) => {
      const said = meant(rows.get(path), usual)
      return isDeepStrictEqual(said, usual) ? [] : [{ path, usual, said }]
    })
    expect(wrong).toEqual([])
  })

  test('is right about the bounds that it names', () => {
    const tried = [...rows].flatMap(([path, { range }]) =>
      boundsOf(range).map(([value, isTaken]) => ({ path, value, isTaken })),
    )
    const wrong = tried.filter(({ path, value, isTaken }) => {
      return leaves.get(path)?.takes(value) !== isTaken
    })
    expect(tried.length).toBeGreaterThan(80)
    expect(wrong).toEqual([])
  })
})

const configuration = 'docs/configuration.md'
const core = 'core/src/target'
const tables: readonly (readonly string[])[] = [
  [configuration, 'fileQueue', 'core/src/queue/file/file-queue-options.ts', 'FileQueueOptions'],
  [configuration, 'memoryQueue', 'core/src/queue/memory-queue.ts', 'MemoryQueueOptions'],
  [configuration, 'httpTarget', `${core}/http/http-options.ts`, 'HttpTargetOptions'],
  [
    ...[configuration, 'queueTarget', `${core}/queue/queue-options.ts`],
    ...['QueueTargetCommon', 'QueueTargetOfQueue', 'QueueTargetOfProducer'],
  ],
  [configuration, 'walTarget', `${core}/wal/wal-target.ts`, 'WalTargetCommon', 'WalTargetOptions'],
  ...[
    ['adapter-kafka', 'kafka-options.ts', 'KafkaQueueOptions'],
    ['adapter-sqs', 'sqs-options.ts', 'SqsQueueOptions'],
    ['target-redis', 'redis-options.ts', 'RedisTargetOptions'],
    ['target-memcached', 'memcached-options.ts', 'MemcachedTargetOptions'],
    ['target-elasticsearch', 'elasticsearch-options.ts', 'ElasticsearchTargetOptions'],
    ['target-cassandra', 'cassandra-options.ts', 'CassandraTargetOptions'],
  ].map(([name, file, type]) => [
    ...[`packages/${name}/README.md`, 'Options', `${name}/src/${file}`, `${type}`],
  ]),
  [
    ...['packages/adapter-kafka/README.md', 'platformatic'],
    ...['adapter-kafka/src/platformatic/platformatic-options.ts', 'PlatformaticOptions'],
  ],
]

test.each(tables)('%s has, under %s, the options that %s declares, and no others', (...table) => {
  const [at = '', heading = '', source = '', ...types] = table
  const named = optionsUnder(read(at), heading, 'alone').flatMap((row) => row.name.split(', '))
  const declared = types.flatMap((type) => membersOf(read(`packages/${source}`), type))
  expect(named.sort()).toEqual([...new Set(declared)].sort())
})

test('the README of Kafka gives each option the default that it has', () => {
  const client = { admin() {}, producer() {}, consumer() {} } as unknown as KafkaJs
  const settings = settingsOf({ client, topic: 'films' })
  // What they are by default follows from others: the meaning says how.
  const named = { client: undefined, topic: undefined, group: undefined }
  expect(defaultsIn('packages/adapter-kafka/README.md')).toEqual({
    ...defaultsOf(settings, 'topics'),
    ...named,
  })
})

test('the README of SQS gives each option the default that it has', () => {
  const queueUrl = 'https://sqs.eu-west-1.amazonaws.com/123456789012/films'
  const settings = resolveOptions({ client: new SqsModel({ clock: systemClock }), queueUrl })
  const named = { client: undefined, queueUrl: undefined }
  const own = defaultsOf(settings, 'isFifo', 'maxBodyBytes')
  expect(defaultsIn('packages/adapter-sqs/README.md')).toEqual({ ...own, ...named })
})

function defaultsIn(readme: string): Readonly<Record<string, unknown>> {
  const rows = optionsUnder(read(readme), 'Options', 'alone')
  return Object.fromEntries(
    rows.map(({ name, default: text }) => [name, text && JSON.parse(text.replaceAll('_', ''))]),
  )
}

/** All but what is no option, and follows from these. */
function defaultsOf(
  settings: object,
  ...derived: readonly string[]
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !derived.includes(name)))
}

/** What a row says the default is, as the schema has it. */
function meant(row: OptionRow | undefined, usual: unknown): unknown {
  const text = row?.default
  if (text === undefined) return undefined
  if (text === '{}') return {}
  if (!text.startsWith("'")) return Number(text.replaceAll('_', ''))
  const word = text.slice(1, -1)
  if (typeof usual !== 'number') return word
  return /b$/.test(word) ? sizeBytes(word as '1b') : durationMs(word as '1ms')
}

/** Values beside the bounds that a cell names, and whether they are within. */
function boundsOf(range: string): readonly (readonly [value: unknown, isTaken: boolean])[] {
  const between = /^([\d,]+) to ([\d,]+)$/.exec(range)
  if (between) {
    const [low, high] = between.slice(1).map((digits) => Number(digits.replaceAll(',', '')))
    return [
      ...([
        [Number(low) - 1, false],
        [low, true],
      ] as const),
      ...([
        [high, true],
        [Number(high) + 1, false],
      ] as const),
    ]
  }
  if (range === 'at least 1 ms')
    return [
      [0, false],
      [1, true],
    ]
  if (range === '1 ms to a day')
    return [
      [0, false],
      [1, true],
      ['1d', true],
      [86_400_001, false],
    ]
  if (range === 'above 0')
    return [
      [0, false],
      [0.1, true],
    ]
  if (range === 'a size')
    return [
      [0, false],
      ['1kb', true],
    ]
  if (range === 'a duration')
    return [
      [-1, false],
      [0, true],
    ]
  if (range === 'at least one') return [[{}, false]]
  const words = [...range.matchAll(/`'(\w+)'`/g)].map((match) => match[1])
  if (words.length !== 2) return []
  return [...words.map((word) => [word, true] as const), ['neither', false]]
}
