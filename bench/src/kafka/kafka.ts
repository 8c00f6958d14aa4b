import { kafkaQueue } from '@daybook/adapter-kafka'
import { platformatic } from '@daybook/adapter-kafka/platformatic'
import { type BrokerReport, printContests, runContests } from '../brokers/broker-report.ts'
import { withServer } from '../brokers/with-server.ts'
import { writeThroughWal } from '../brokers/writing.ts'
import { inspectDisk } from '../harness/disk.ts'
import { byteSize, count } from '../harness/report.ts'
import { clients } from './clients.ts'
import { consumingContest, writingContest } from './contests.ts'
import { Topics } from './topics.ts'

export interface KafkaBenchOptions {
  /** A directory on the disk that is described; the broker has its files below the repository. */
  readonly directory: string
  readonly rounds: number
  readonly payloadBytes: number
  readonly writers: number
  /** Written in each round. */
  readonly records: number
  /** Consumed in each round. */
  readonly backlogRecords: number
}

/** Enough in flight to fill a topic quickly. */
const fillers = 4_096

/** Ours on Kafka, through each client, against that client bare. */
export async function benchKafka(
  options: KafkaBenchOptions,
): Promise<BrokerReport<KafkaBenchOptions>> {
  const disk = await inspectDisk(options.directory, options.backlogRecords * options.payloadBytes)
  return withServer('kafka', {}, async (broker) => {
    const topics = new Topics(broker)
    try {
      const ground = { broker, topics }
      const topic = await topics.create()
      await fill(topic, broker, options)
      const contests = clients.flatMap((client) => [
        writingContest(client, ground, options),
        consumingContest(client, ground, { topic, records: options.backlogRecords }),
      ])
      return await runContests('kafka', options, disk, contests)
    } finally {
      await topics.removeAll()
    }
  })
}

/** Writes what is to be consumed. */
async function fill(
  topic: string,
  broker: string,
  { backlogRecords: records, payloadBytes }: KafkaBenchOptions,
): Promise<void> {
  process.stderr.write(`${count(records)} records are written, to be consumed\n`)
  const client = platformatic({ clientId: 'bench', bootstrapBrokers: [broker] })
  const queue = kafkaQueue({ client, topic, allowUnderReplicated: true })
  await writeThroughWal(queue, { records, payloadBytes, writers: fillers }, () => 0)
}

/** The report for people. */
export function printKafka(report: BrokerReport<KafkaBenchOptions>, terminal: boolean): string {
  const { payloadBytes, writers, records, backlogRecords } = report.options
  const what =
    `Records of ${byteSize(payloadBytes)} on Kafka, one broker: ${count(records)} written by ` +
    `${count(writers)} writers, ${count(backlogRecords)} consumed into a target that does nothing.`
  return printContests(report, what, terminal)
}
