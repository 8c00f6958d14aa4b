import { type BrokerReport, printContests, runContests } from '../brokers/broker-report.ts'
import { withServer } from '../brokers/with-server.ts'
import { inspectDisk } from '../harness/disk.ts'
import { byteSize, count } from '../harness/report.ts'
import { consumingContest, writingContest } from './contests.ts'
import { type QueueKind, Queues } from './queues.ts'

export interface SqsBenchOptions {
  /** A directory on the disk that is described. */
  readonly directory: string
  readonly rounds: number
  readonly payloadBytes: number
  readonly writers: number
  /** Written, and consumed, in each round. */
  readonly records: number
  /** Consumed from a FIFO queue in each round: the local server gives some hundreds a second. */
  readonly recordsFromFifo: number
}

const kinds: readonly QueueKind[] = ['standard', 'FIFO']

/** In memory: what is measured is the client's side, not the local server's database. */
const settings = { 'messages-storage.enabled': 'false', 'queues-storage.enabled': 'false' }

/** Ours on SQS, standard and FIFO, against the bare SDK. */
export async function benchSqs(options: SqsBenchOptions): Promise<BrokerReport<SqsBenchOptions>> {
  const disk = await inspectDisk(options.directory, 0)
  return withServer('sqs', { instance: 'bench', settings }, async (address) => {
    const queues = new Queues(address)
    try {
      const contests = kinds.flatMap((kind) => {
        const consumed = kind === 'FIFO' ? options.recordsFromFifo : options.records
        return [
          writingContest(kind, queues, options),
          consumingContest(kind, queues, { ...options, records: consumed }),
        ]
      })
      return await runContests('sqs', options, disk, contests)
    } finally {
      await queues.close()
    }
  })
}

/** The report for people. */
export function printSqs(report: BrokerReport<SqsBenchOptions>, terminal: boolean): string {
  const { payloadBytes, writers, records, recordsFromFifo } = report.options
  const what =
    `${count(records)} records of ${byteSize(payloadBytes)} on a local SQS server, written by ${count(writers)} writers, ` +
    `and consumed (from FIFO ${count(recordsFromFifo)}) into a target that does nothing.`
  return printContests(report, what, terminal)
}
