import type { Rating } from '../rating.ts'

/** What the store holds, as read back. */
export interface StoreReading {
  /** Ids of the ratings that it has taken. */
  readonly taken: ReadonlySet<string>
  /** For each film, how many ratings have been added up, and how many stars. */
  readonly sums: ReadonlyMap<string, { readonly ratings: number; readonly stars: number }>
}

/** Each finding is a sentence. */
export interface Findings {
  /** Ratings that were called sent, and are not in the topic. */
  readonly lost: readonly string[]
  /** Ratings that first came to the topic after a later one of their film. */
  readonly outOfOrder: readonly string[]
  /** Ratings that are neither in the store nor a dead letter. */
  readonly unhandled: readonly string[]
  /** Films whose ratings were not added up once each. */
  readonly miscounted: readonly string[]
  /** Dead letters that are none, and ratings that should be one. */
  readonly wronglyDead: readonly string[]
}

/** Compares the topic and the store with the ratings that were called sent. */
export function check(
  sent: readonly Rating[],
  topic: readonly Rating[],
  store: StoreReading,
  dead: ReadonlySet<string>,
): Findings {
  const inTopic = new Set(topic.map(({ id }) => id))
  return {
    lost: sent
      .filter(({ id }) => !inTopic.has(id))
      .map((one) => `${nameOf(one)} is not in the topic`),
    outOfOrder: overtaken(topic),
    unhandled: sent
      .filter(({ id }) => !store.taken.has(id) && !dead.has(id))
      .map((one) => `${nameOf(one)} was never handled`),
    miscounted: miscounted(sent, store),
    wronglyDead: sent
      .filter(({ id, stars }) => dead.has(id) !== (stars === null))
      .map((one) => `${nameOf(one)} ${dead.has(one.id) ? 'is' : 'should be'} a dead letter`),
  }
}

/** How often something is in the topic that had been there before. */
export function repeats(topic: readonly Rating[]): number {
  return topic.length - new Set(topic.map(({ id }) => id)).size
}

function overtaken(topic: readonly Rating[]): string[] {
  const seen = new Set<string>()
  const highest = new Map<string, number>()
  const findings: string[] = []
  for (const rating of topic) {
    if (seen.has(rating.id)) continue
    seen.add(rating.id)
    const before = highest.get(rating.film) ?? 0
    if (rating.number < before) findings.push(`${nameOf(rating)} came after ${before}`)
    else highest.set(rating.film, rating.number)
  }
  return findings
}

function miscounted(sent: readonly Rating[], { sums }: StoreReading): string[] {
  const should = new Map<string, { ratings: number; stars: number }>()
  for (const { film, stars } of sent) {
    const sum = should.get(film) ?? { ratings: 0, stars: 0 }
    should.set(film, sum)
    if (stars === null) continue
    sum.ratings += 1
    sum.stars += stars
  }
  return [...should].flatMap(([film, { ratings, stars }]) => {
    const held = sums.get(film) ?? { ratings: 0, stars: 0 }
    if (held.ratings === ratings && held.stars === stars) return []
    return [`${film} has ${held.ratings} ratings, ${held.stars} stars; not ${ratings}, ${stars}`]
  })
}

function nameOf({ film, number }: Rating): string {
  return `rating ${number} of ${film}`
}
