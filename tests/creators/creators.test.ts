import * as kafka from '@daybook/adapter-kafka'
import * as platformatic from '@daybook/adapter-kafka/platformatic'
import * as sqs from '@daybook/adapter-sqs'
import * as core from '@daybook/core'
import * as cassandra from '@daybook/target-cassandra'
import * as elasticsearch from '@daybook/target-elasticsearch'
import * as memcached from '@daybook/target-memcached'
import * as redis from '@daybook/target-redis'
import { describe, expect, it } from 'vitest'

// Whoever is given options says what is wrong with them at once, by its own name: callers may write plain
// JavaScript, and a bare TypeError, or a failure at the first record, says neither where nor what to do.

type Creator = (given: unknown) => unknown

/** What makes something of options goes by the name of that. */
const isCreator =
  /^[a-z].*(?:Queue|Target|Store|Letters|Receiver|Replication|Mutation|Tables)$|^(?:createWal|fanOut|kafkajs|platformatic)$/

const presets = new Set([
  'crossRegionReplication',
  'delayedQueue',
  'fanOut',
  'multiPartitionMutation',
])

const creators = [kafka, platformatic, sqs, core, cassandra, elasticsearch, memcached, redis]
  .flatMap((exports) => Object.entries(exports) as [string, unknown][])
  .filter((each): each is [string, Creator] => typeof each[1] === 'function')
  .filter(([name]) => isCreator.test(name))

const apply = async (): Promise<void> => {}

/** The same for what is not the first that they take. */
const more: readonly [string, Creator][] = [
  ['defineTarget', (options) => core.defineTarget(apply, options as never)],
  ['defineTarget.each', (options) => core.defineTarget.each(apply, options as never)],
  ['defineTarget.each', (given) => core.defineTarget.each(given as never)],
  ['fetchingTarget', (target) => core.fetchingTarget(target as never, async () => new Map())],
  [
    'forwardReceiver',
    (options) => core.forwardReceiver({ forward: async () => [] }, options as never),
  ],
]

const nothing: readonly [string, unknown][] = [
  ['null', null],
  ['a number', 7],
  ['true', true],
  ['text', 'text'],
  ['an array', []],
  ['an unknown option', { nonsense: 1 }],
]

/** What some of them take all the same. */
const taken: Readonly<Record<string, readonly string[]>> = {
  // Names.
  directoryStore: ['text'],
  cassandraTransactionTables: ['text'],
  // What a preset does not know is for createWal to refuse, which knows all options.
  ...Object.fromEntries([...presets].map((name) => [name, ['an unknown option']])),
}

/** What comes of it, thrown or rejected; undefined if nothing is wrong. */
async function errorOf(create: Creator, given: unknown): Promise<unknown> {
  try {
    await create(given)
    return undefined
  } catch (error) {
    return error
  }
}

/** Says nothing, or what is wrong with what was said. */
async function complaint(name: string, create: Creator, given: unknown): Promise<string> {
  const error = await errorOf(create, given)
  if (error === undefined) return 'is taken'
  if (!core.isWalError(error) || error.code !== 'ERR_CONFIG') return `is answered with ${error}`
  // The options of createWal have paths of their own.
  if (name === 'createWal' || error.message.includes(name)) return ''
  return `is refused without a name: ${error.message}`
}

async function complaints(name: string, create: Creator): Promise<readonly string[]> {
  const found: string[] = []
  for (const [what, given] of nothing) {
    if (taken[name]?.includes(what)) continue
    const said = await complaint(name, create, given)
    if (said !== '') found.push(`${what} ${said}`)
  }
  return found
}

describe('what is no options', () => {
  for (const [name, create] of creators) {
    it(`is refused by ${name}, with its name`, async () => {
      expect(await complaints(name, create)).toEqual([])
    })
  }

  for (const [at, [name, create]] of more.entries()) {
    it(`is refused by ${name}, as other argument ${at + 1}`, async () => {
      expect(await complaints(name, create)).toEqual([])
    })
  }

  it('is refused with its path where a preset passes it on', async () => {
    for (const [name, preset] of creators.filter(([each]) => presets.has(each))) {
      const options = preset({ nonsense: 1 }) as never
      await expect(core.createWal({ namespaces: { n: options } }), name).rejects.toMatchObject({
        code: 'ERR_CONFIG',
        message: expect.stringContaining('namespaces.n.nonsense'),
      })
    }
  })
})
