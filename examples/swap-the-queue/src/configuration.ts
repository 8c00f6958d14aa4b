import { readFile } from 'node:fs/promises'

/** Where records lie between writing and delivering. Plain data: this is all that changes. */
export type QueueConfiguration =
  | {
      readonly kind: 'file'
      /** Owned by one process at a time. */
      readonly directory: string
    }
  | {
      readonly kind: 'kafka'
      readonly client: 'kafkajs' | '@platformatic/kafka'
      readonly brokers: readonly string[]
      readonly topic: string
      /** True for the single broker of a development machine. */
      readonly allowUnderReplicated?: boolean
      /** A consumer that is silent for so long has lost its share to the others. */
      readonly sessionTimeoutMs?: number
    }
  | {
      readonly kind: 'sqs'
      readonly region: string
      /** Left away for Amazon's own. */
      readonly endpoint?: string
      /** FIFO if its name ends so. */
      readonly queueUrl: string
      /** A directory that all processes share: SQS cannot list what lies in a queue. */
      readonly deadLetters: string
      /** How long a receive waits. */
      readonly waitMs?: number
      /** A consumer that is silent for so long has lost what it holds to the others. */
      readonly visibilityMs?: number
    }

/** What a process of the application is told. */
export interface Configuration {
  /** Its name, which its own parcels bear. */
  readonly name: string
  /** Whether it writes, delivers, or does both. */
  readonly roles: readonly Role[]
  readonly queue: QueueConfiguration
  /** The table of parcels, an SQLite file. */
  readonly table: string
  readonly scans: ScanPlan
}

export type Role = 'write' | 'deliver'

/** What a depot scans: each of its parcels again and again, until it is told to close. */
export interface ScanPlan {
  readonly parcels: number
  /** From one scan of a parcel to the next. */
  readonly everyMs: number
  /** How often each parcel is known to have been scanned already, after a restart. */
  readonly saved: Readonly<Record<string, number>>
}

/** Reads a configuration from a file of JSON. */
export async function readConfiguration(file: string): Promise<Configuration> {
  return JSON.parse(await readFile(file, 'utf8'))
}
