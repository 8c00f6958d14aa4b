import { readFile } from 'node:fs/promises'

/** What the process of a region is told. */
export interface Configuration {
  readonly region: Region
  /** The other regions, by name. */
  readonly peers: Readonly<Record<string, Peer>>
  /** The brokers of this region, and the topic that is its queue. */
  readonly brokers: readonly string[]
  readonly topic: string
  /** `host:port` of this region's memcached. */
  readonly cache: string
  readonly load: LoadPlan
}

/** A region as all of them know it. No two share a number. */
export interface Region {
  readonly name: string
  /** 0 to 15. */
  readonly number: number
}

/** How another region is reached. */
export interface Peer {
  readonly number: number
  /** Where its process takes what is forwarded to it. */
  readonly url: string
}

/** Who watches what, and how often a bookmark is moved or taken away. */
export interface LoadPlan {
  /** Viewers; each has one bookmark, which every region writes. */
  readonly viewers: number
  /** So many are served side by side. */
  readonly lanes: number
  /** From one change in a lane to the next. */
  readonly everyMs: number
  /** How many changes the process before this one had begun. */
  readonly begun: number
}

/** Reads a configuration from a file of JSON. */
export async function readConfiguration(file: string): Promise<Configuration> {
  return JSON.parse(await readFile(file, 'utf8'))
}
