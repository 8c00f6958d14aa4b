import { expect, test } from 'vitest'
import { kafkaQueue } from '../src/index.ts'
import type { KafkaQueueOptions } from '../src/kafka-options.ts'
import { Places } from '../src/places.ts'

const refused = (topic: KafkaQueueOptions['topic']) => () =>
  kafkaQueue({ client: { group: () => {} } as never, topic })

test('topics that cannot be meant are refused', () => {
  expect(refused([])).toThrow(/`topic` must name at least one/)
  expect(refused('no topic')).toThrow(/`topic` must be 1 to 230 letters/)
  expect(refused(['films', 'f/2'])).toThrow(/not "f\/2"/)
  expect(refused(['films', 'films'])).toThrow(/names a topic twice/)
  expect(refused(['films', 'films.delays'])).toThrow(/goes with the first/)
  expect(refused(['films', 'series'])).not.toThrow()
})

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
