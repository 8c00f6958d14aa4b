/** Something that happened to links for a while. */
export interface Trouble {
  readonly what: string
  readonly links: readonly string[]
  readonly fromMs: number
  toMs: number | undefined
}

/** `eu → us`: the way that what was written in the one takes to the cache of the other. */
export function linkName(from: string, to: string): string {
  return `${from} → ${to}`
}

/**
 * How far each region's cache is behind each other region, looked at again and again: the age of the
 * oldest change that is durable there and has not come here.
 */
export class LagLog {
  readonly everyMs = 100
  /** When it looked, in ms since its beginning. */
  readonly times: number[] = []
  /** By link, in ms, one entry for each look. */
  readonly lags: ReadonlyMap<string, number[]>
  readonly troubles: Trouble[] = []
  readonly #regions: readonly string[]
  readonly #now: () => number
  readonly #startedAt: number
  /** Changes on their way, by link, the oldest first. */
  readonly #onTheirWay: ReadonlyMap<string, Map<string, number>>
  /** What has come before its region could say that it is durable. */
  readonly #early = new Set<string>()
  #timer: NodeJS.Timeout | undefined

  constructor(regions: readonly string[], now = () => performance.now()) {
    this.#regions = regions
    this.#now = now
    this.#startedAt = now()
    const links = regions.flatMap((from) =>
      regions.filter((to) => to !== from).map((to) => linkName(from, to)),
    )
    this.lags = new Map(links.map((link) => [link, []]))
    this.#onTheirWay = new Map(links.map((link) => [link, new Map()]))
  }

  /** Looks from now on. */
  begin(): void {
    this.#timer = setInterval(() => this.look(), this.everyMs)
  }

  end(): void {
    clearInterval(this.#timer)
    for (const trouble of this.troubles) trouble.toMs ??= this.#elapsed()
  }

  /** A change is durable in a region; `change` names it. */
  saved(from: string, change: string): void {
    for (const to of this.#regions) {
      const link = linkName(from, to)
      if (to === from || this.#early.delete(`${link} ${change}`)) continue
      this.#onTheirWay.get(link)?.set(change, this.#now())
    }
  }

  /** A change of one region has come to the cache of another. */
  arrived(from: string, to: string, change: string): void {
    const link = linkName(from, to)
    if (this.#onTheirWay.get(link)?.delete(change) === false) this.#early.add(`${link} ${change}`)
  }

  /** Answers whether all that is on its way now has come. */
  untilPassed(link: string): () => boolean {
    const onTheirWay = this.#onTheirWay.get(link)
    const these = [...(onTheirWay?.keys() ?? [])]
    return () => these.every((change) => onTheirWay?.has(change) !== true)
  }

  /** How many changes are on their way. */
  waiting(link: string): number {
    return this.#onTheirWay.get(link)?.size ?? 0
  }

  /** The age of the oldest of them, in ms. */
  lagMs(link: string): number {
    const [oldest] = this.#onTheirWay.get(link)?.values() ?? []
    return oldest === undefined ? 0 : this.#now() - oldest
  }

  /** The most that a link was behind, at any look. */
  longestMs(link: string): number {
    return Math.max(0, ...(this.lags.get(link) ?? []))
  }

  /** Notes that something is wrong with these links; the answer is called when it is over. */
  trouble(what: string, links: readonly string[]): () => void {
    const trouble: Trouble = { what, links, fromMs: this.#elapsed(), toMs: undefined }
    this.troubles.push(trouble)
    return () => {
      trouble.toMs = this.#elapsed()
    }
  }

  look(): void {
    this.times.push(this.#elapsed())
    for (const [link, lags] of this.lags) lags.push(this.lagMs(link))
  }

  #elapsed(): number {
    return this.#now() - this.#startedAt
  }
}
