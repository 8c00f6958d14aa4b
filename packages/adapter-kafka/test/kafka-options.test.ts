import { expect, test } from 'vitest'
import { kafkaQueue } from '../src/index.ts'
import type { KafkaQueueOptions } from '../src/kafka-options.ts'
import { Places } from '../src/places.ts'
import { platformatic } from '../src/platformatic/index.ts'

const nothing = () => {}
const client = { admin: nothing, sender: nothing, group: nothing, reader: nothing } as never

const refused = (topic: KafkaQueueOptions['topic']) => () => kafkaQueue({ client, topic })

test('topics that cannot be meant are refused', () => {
  expect(refused([])).toThrow(/`topic` must name at least one/)
  expect(refused('no topic')).toThrow(/`topic` must be 1 to 230 letters/)
  expect(refused(['films', 'f/2'])).toThrow(/not "f\/2"/)
  expect(refused(['films', 'films'])).toThrow(/names a topic twice/)
  expect(refused(['films', 'films.delays'])).toThrow(/goes with the first/)
  expect(refused(['films', 'series'])).not.toThrow()
})

test.each([
  [{ client: undefined }, /`client` must be `new Kafka\(…\)` of kafkajs.*not undefined/],
  [{ client: { admin: nothing } }, /`client` must be .*not an object/],
  [{ topic: undefined }, /`topic` must be 1 to 230 letters.*not undefined/],
  [{ topic: '.' }, /`topic` is "\."/],
  [{ topic: ['films', '..'] }, /`topic` is "\.\."/],
  [{ topics: ['films'] }, /`topics` is no option; there are client, topic, group/],
  [{ group: 7 }, /`group` must be a name of.*not 7/],
  [{ group: '' }, /`group` must be a name of.*not ""/],
  [{ group: 'the films' }, /`group` must be a name of 1 to 249 characters, none of them a space/],
  [{ batchBytes: 2 ** 31 - 1 }, /`batchBytes` must be a whole number from 1 to 2000000000/],
  [{ create: 'no' }, /`create` must be true or false, not "no"/],
  [{ allowUnderReplicated: 'false' }, /`allowUnderReplicated` must be true or false/],
  [{ partitions: 2.5 }, /`partitions` must be a whole number from 1 to 2147483647, not 2.5/],
  [{ partitions: '6' }, /`partitions` must be a whole number/],
  [{ replicas: 0 }, /`replicas` must be a whole number from 1 to 32767, not 0/],
  [{ lingerMs: '5ms' }, /`lingerMs` must be a number from 0 to 2147483647, not "5ms"/],
  [{ sendTimeoutMs: Number.POSITIVE_INFINITY }, /`sendTimeoutMs` must be .*not Infinity/],
  [{ sessionTimeoutMs: null }, /`sessionTimeoutMs` must be a whole number.*not null/],
  [{ bufferRecords: Number.NaN }, /`bufferRecords` must be a whole number.*not NaN/],
  [{ delayTiersMs: 60_000 }, /`delayTiersMs` must hold at least one time/],
  [{ delayTiersMs: [10, '5'] }, /`delayTiersMs` must hold at least one time, in ms, and descend/],
])(
  'an option of a Kafka queue that came as plain data and makes no sense is refused: %j',
  (wrong, message) => {
    const configure = () => kafkaQueue({ client, topic: 'films', ...wrong } as never)
    expect(configure).toThrow(message)
    expect(configure).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }))
  },
)

test('a Kafka queue without options is refused', () => {
  expect(() => kafkaQueue(undefined as never)).toThrow(/takes an object of options, not undefined/)
})

test.each([['kafka-1:9092'], [[]], [[7]], [['']]])(
  'brokers of @platformatic/kafka that are no texts are refused: %j',
  (bootstrapBrokers) => {
    const options = { clientId: 'films', bootstrapBrokers } as never
    expect(() => platformatic(options)).toThrow(
      /`bootstrapBrokers` must be an array of `host:port`/,
    )
  },
)

test('a key belongs to one partition of one topic, and every partition has keys', () => {
  const topics = [
    ['films', 3],
    ['series', 2],
  ] as const
  const keys = Array.from({ length: 200 }, (_, n) => Buffer.from(`key ${n}`))
  const places = keys.map((key) => new Places(topics).of(key))
  expect(keys.map((key) => new Places(topics).of(Buffer.from(key)))).toEqual(places)
  const counts = Map.groupBy(places, ({ topic, partition }) => `${topic} ${partition}`)
  expect([...counts.keys()].sort()).toEqual([
    'films 0',
    'films 1',
    'films 2',
    'series 0',
    'series 1',
  ])
})
