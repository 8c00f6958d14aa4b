/**
 * Ratings through Kafka, with a log beside it: for what Kafka does not take while its broker is dead, and for
 * what cannot be handled yet. Ends with exit code 0 only if every rating came to the topic, in the order of
 * its film, and from there to the store, once.
 *
 *     node --conditions=source src/main.ts
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { readFilms } from '@daybook/example-films'
import { figure, isGood, Story, verdictText } from '@daybook/example-stage'
import { removeWhatComes, type Service, service } from '@daybook/services'
import { Kafka, logLevel } from 'kafkajs'
import { consume } from './consume.ts'
import { kafkaTarget } from './kafka-target.ts'
import { messageOf, type Rating } from './rating.ts'
import { openRatingWal } from './rating-wal.ts'
import { RatingsStore } from './ratings-store.ts'
import { SendOrLog } from './send-or-log.ts'
import { check, repeats } from './stage/check.ts'
import { perform, type Seen } from './stage/perform.ts'
import { ratedFilms, ratingsOf } from './stage/ratings.ts'
import { readStore, readTopic } from './stage/read-back.ts'

const introduction = `
${styleText('bold', 'Daybook: what Kafka does not take, and what cannot be handled yet')}

  An application sends ratings to Kafka, and takes them from there into a store.
  The broker dies; and some ratings come before the films that they are of.
`

process.exit(await main())

async function main(): Promise<number> {
  const remove = removeWhatComes(['kafka'])
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.once(signal, () => void remove().finally(() => process.exit(code)))
  }
  const directory = mkdtempSync(join(tmpdir(), 'daybook-kafka-retry-'))
  console.log(introduction)
  try {
    const report = (line: string): void => console.log(`             ${styleText('dim', line)}`)
    return await show(directory, await service('kafka', { report }))
  } catch (error) {
    console.error(`\n  ${styleText('red', 'It broke off:')} ${(error as Error).message}\n`)
    return 1
  } finally {
    await remove()
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function show(directory: string, broker: Service): Promise<number> {
  const topic = `ratings-${randomUUID()}`
  const common = { clientId: 'ratings', brokers: [broker.address], logLevel: logLevel.NOTHING }
  await createTopic(new Kafka(common), topic)
  // It is the log's to try again: the producer says at once what it cannot send.
  const impatient = { connectionTimeout: 3_000, requestTimeout: 10_000, retry: { retries: 0 } }
  const producer = new Kafka({ ...common, ...impatient }).producer({
    allowAutoTopicCreation: false,
  })
  await producer.connect()
  const storeFile = join(directory, 'ratings.sqlite')
  const store = new RatingsStore(storeFile)
  const wal = await openRatingWal(
    join(directory, 'log'),
    kafkaTarget(producer, topic),
    store.target(),
  )
  // An outage is told of by the story.
  wal.on('error', () => {})
  await wal.start()
  const sender = await SendOrLog.open(wal, async (rating: Rating) => {
    await producer.send({ topic, acks: -1, messages: [messageOf(rating)] })
  })
  const consumer = await consume(new Kafka(common), topic, store, wal)

  const films = ratedFilms(await readFilms(), 'Sony Pictures')
  const stage = { broker, wal, sender, store, storeFile, story: new Story() }
  const seen = await perform(stage, films, ratingsOf(films))
  await consumer.disconnect()
  await wal.close()
  await producer.disconnect()
  store.close()
  return verdict(seen, await readTopic(new Kafka(common), topic), storeFile)
}

async function createTopic(kafka: Kafka, topic: string): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true })
  await admin.disconnect()
}

/** Compares all that there is, and says what is wrong. */
function verdict({ sent, dead, missing }: Seen, topic: readonly Rating[], file: string): number {
  const { lost, outOfOrder, unhandled, miscounted, wronglyDead } = check(
    sent,
    topic,
    readStore(file),
    dead,
  )
  console.log(
    `\n  ${figure(sent.length)} ratings sent; ${figure(topic.length)} in the topic, ${figure(repeats(topic))} of them repeated:\n`,
  )
  const result = {
    zeros: {
      lost,
      'out of order': outOfOrder,
      unhandled,
      miscounted,
      'wrongly dead': wronglyDead,
    },
    missing,
  }
  console.log(`${verdictText(result)}\n`)
  return isGood(result) ? 0 : 1
}
