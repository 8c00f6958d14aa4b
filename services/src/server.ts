import { type Jars, jarsNeed } from './maven.ts'
import type { Need } from './needs/need.ts'
import type { Ports } from './ports.ts'
import type { Command } from './process.ts'
import type { Report } from './report.ts'

/**
 * What there is to know of one kind of server: `servers/` has one file for each. Starting, waiting,
 * ending and finding again is the same for all of them, in `service.ts`.
 */
export interface Server {
  readonly name: string
  /** Product and version, for people. */
  readonly about: string
  /** The ports of its first instance; `client` is the one that clients use. */
  readonly ports: { readonly client: number } & Ports
  /** What the machine must have, besides a way to fetch the jars. */
  readonly needs: readonly Need[]
  /** The jars that it is made of, if it is. */
  readonly jars?: Jars
  /** After so long without an answer a start has failed, on a slow machine too. */
  readonly startLimitMs: number
  /** What an orderly end may take before it is a kill. */
  readonly stopLimitMs: number
  /** Puts together what is more than jars, in the cache. Does nothing where that is done. */
  build?(report: Report): Promise<void>
  /** Writes configuration, and storage where there is none yet. Leaves data alone. */
  prepare(place: Place): Promise<void>
  command(place: Place): Command
  /** True once it answers its clients, and is this instance rather than another at the same port. */
  answers(place: Place): Promise<boolean>
  /** Takes everything out of it that clients have put in, while it runs. */
  empty(place: Place): Promise<void>
  /** Takes away data that lie outside of its directory. It does not run. */
  forget?(place: Place): void
}

/** Where one instance of a server lives. */
export interface Place {
  /** Its working directory. Data are in `data`, what it prints is in `log`. */
  readonly directory: string
  readonly ports: Server['ports']
  /** Names this instance and no other: 22 letters and digits, as in a Kafka cluster's id. */
  readonly id: string
  readonly options: ServiceOptions
}

/** What an instance may have of its own. */
export interface ServiceOptions {
  /** Settings that differ from ours, as the server's own configuration names them. */
  readonly settings?: Readonly<Record<string, string>>
  /** Kafka and Redis: also listens for TLS with client certificates; Kafka for a password, too. */
  readonly secure?: boolean
  /** Kafka: also opens a listener that sends its clients to this `host:port`, such as a proxy's. */
  readonly advertised?: string
  /** Kafka: a second broker of the cluster of that instance, which is up. It controls nothing, and ends before it. */
  readonly joins?: string
}

/** All that a server needs of the machine. */
export function needsOf({ needs, jars }: Server): readonly Need[] {
  return jars === undefined ? needs : [...needs, jarsNeed(jars)]
}

/** The address of the loopback interface, at which every server listens, and nowhere else. */
export const host = '127.0.0.1'

/** Configuration as `name=value`, a line each; what an instance has of its own comes last. */
export function properties(...parts: readonly Readonly<Record<string, string | number>>[]): string {
  return Object.entries(Object.assign({}, ...parts))
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
