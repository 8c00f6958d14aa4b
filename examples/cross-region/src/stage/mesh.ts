import { type TcpProxy, tcpProxy } from '@daybook/services'
import type { LoadPlan } from '../configuration.ts'
import type { RegionLine } from '../region-line.ts'
import { type Begun, nameOf } from './check.ts'
import { LagLog, linkName } from './lag-log.ts'
import { RegionProcess } from './region-process.ts'

/** A region, and the servers that are there. */
export interface Place {
  readonly name: string
  readonly number: number
  readonly broker: string
  readonly topic: string
  /** `host:port` of its memcached. */
  readonly cache: string
}

/** How late bytes arrive on the way between two regions, in ms, in fair weather. */
export type Distances = Readonly<Record<string, number>>

/** Three regions and the links between them. */
export class Mesh {
  readonly lags: LagLog
  /** All changes that were begun, by the region and its number of them. */
  readonly changes = new Map<string, Begun>()
  /** Every version that came to each region's cache. */
  readonly arrived: ReadonlyMap<string, Set<string>>
  /** How often something came to a cache that had newer. */
  readonly superseded = new Map<string, number>()
  readonly complaints: string[] = []
  readonly #places: ReadonlyMap<string, Place>
  readonly #distances: Distances
  readonly #directory: string
  readonly #load: Omit<LoadPlan, 'begun'>
  readonly #links = new Map<string, TcpProxy>()
  readonly #regions = new Map<string, RegionProcess>()
  readonly #begun = new Map<string, number>()

  constructor(
    places: readonly Place[],
    distances: Distances,
    directory: string,
    load: Omit<LoadPlan, 'begun'>,
  ) {
    this.#places = new Map(places.map((place) => [place.name, place]))
    this.#distances = distances
    this.#directory = directory
    this.#load = load
    this.lags = new LagLog(places.map(({ name }) => name))
    this.arrived = new Map(places.map(({ name }) => [name, new Set()]))
  }

  get names(): readonly string[] {
    return [...this.#places.keys()]
  }

  get links(): readonly string[] {
    return [...this.lags.lags.keys()]
  }

  /** Lays the links; they lead nowhere yet. */
  async open(): Promise<void> {
    for (const link of this.links) {
      this.#links.set(link, await tcpProxy())
      this.calm(link)
    }
  }

  /** The link's own distance again, whatever was done to it. */
  calm(link: string): void {
    this.link(link).delay(this.#distances[link] ?? 0)
  }

  link(name: string): TcpProxy {
    const link = this.#links.get(name)
    if (link === undefined) throw new Error(`There is no link ${name}`)
    return link
  }

  /** Starts a region's process, or starts it again. */
  start(name: string): RegionProcess {
    const place = this.#places.get(name)
    if (place === undefined) throw new Error(`There is no region ${name}`)
    const peers = [...this.#places.values()].filter((other) => other !== place)
    const configuration = {
      region: { name, number: place.number },
      peers: Object.fromEntries(
        peers.map((peer) => [
          peer.name,
          { number: peer.number, url: `http://${this.link(linkName(name, peer.name)).address}` },
        ]),
      ),
      brokers: [place.broker],
      topic: place.topic,
      cache: place.cache,
      load: { ...this.#load, begun: this.#begun.get(name) ?? 0 },
    }
    const region = new RegionProcess(configuration, this.#directory, (line) =>
      this.#take(name, line),
    )
    this.#regions.set(name, region)
    return region
  }

  region(name: string): RegionProcess {
    const region = this.#regions.get(name)
    if (region === undefined) throw new Error(`${name} was never started`)
    return region
  }

  /** Leaves nothing behind. */
  async end(): Promise<void> {
    this.lags.end()
    await Promise.all([...this.#regions.values()].map((region) => region.kill()))
    await Promise.all([...this.#links.values()].map((link) => link.close()))
  }

  #take(region: string, line: RegionLine): void {
    if (line.event === 'ready') this.#lead(region, line.port)
    else if (line.event === 'begun') this.#note({ ...line, by: region, version: undefined })
    else if (line.event === 'saved') {
      this.#note({ ...line, by: region, version: BigInt(line.version) })
    } else if (line.event === 'arrived') this.#arrive(region, line)
    else if (line.event === 'error') this.complaints.push(`${region}: ${line.message}`)
  }

  /** All links to a region lead to its process, also to one that was started again. */
  #lead(region: string, port: number): void {
    for (const from of this.names) {
      if (from !== region) this.link(linkName(from, region)).to({ host: '127.0.0.1', port })
    }
  }

  #note({ key, op, by, number, version }: Begun): void {
    this.changes.set(`${by}/${number}`, { key, op, by, number, version })
    this.#begun.set(by, Math.max(number, this.#begun.get(by) ?? 0))
    if (version === undefined) return
    this.lags.saved(by, nameOf(key, version))
  }

  #arrive(region: string, { records, superseded }: RegionLine & { event: 'arrived' }): void {
    if (superseded) {
      this.superseded.set(region, (this.superseded.get(region) ?? 0) + records.length)
    }
    for (const [key, digits] of records) {
      const version = BigInt(digits)
      const name = nameOf(key, version)
      const arrived = this.arrived.get(region)
      if (arrived?.has(name)) continue
      arrived?.add(name)
      const by = this.#regionOf(version)
      if (by !== undefined && by !== region) this.lags.arrived(by, region, name)
    }
  }

  /** The low four bits of a version are the number of its region. */
  #regionOf(version: bigint): string | undefined {
    return [...this.#places.values()].find(({ number }) => BigInt(number) === (version & 15n))?.name
  }
}
