import { figure, type Story, until } from '@daybook/example-stage'
import type { Service } from '@daybook/services'
import type { FilmWal } from '../film-wal.ts'
import type { Change } from './changes.ts'
import type { Acknowledged } from './check.ts'
import type { StoreName } from './watch.ts'

/** What the play is played with. */
export interface Stage {
  readonly wal: FilmWal
  /** The servers behind the stores. */
  readonly servers: Readonly<Record<StoreName, Service>>
  readonly story: Story
}

/** What was seen besides the stores. */
export interface Seen {
  readonly acknowledged: readonly Acknowledged[]
  readonly tallies: Readonly<Record<StoreName, Tally>>
}

/** What the log has said of a store. */
export interface Tally {
  applied: number
  redelivered: number
  /** Attempts that failed and were spent. */
  spent: number
  deadLettered: number
  /** Times that delivery stopped because the store was down. */
  outages: number
}

/** So many changes are at a store when it is killed: it is in the middle of things. */
const killAfter = 300

/** A store takes a while to start. */
const patienceMs = 120_000

const titles = { cassandra: 'Cassandra', search: 'Elasticsearch' } as const

/** Writes all changes, one after the other, and kills each store in turn meanwhile. */
export async function perform(stage: Stage, changes: readonly Change[]): Promise<Seen> {
  const { wal, story } = stage
  const acknowledged: Acknowledged[] = []
  const tallies = tally(wal)
  await wal.start()
  const middle = Math.ceil(changes.length / 2)
  const acts = [
    { victim: 'cassandra', other: 'search', changes: changes.slice(0, middle) },
    { victim: 'search', other: 'cassandra', changes: changes.slice(middle) },
  ] as const
  for (const act of acts) await play(stage, act, tallies, acknowledged)
  await wal.drain({ timeout: '2m' })
  const { targets } = (await wal.status()).namespaces.films
  for (const name of ['cassandra', 'search'] as const) {
    tallies[name].redelivered = targets[name].delivery?.redelivered ?? 0
  }
  story.say('good', `All ${figure(acknowledged.length)} changes are at both stores.`)
  return { acknowledged, tallies }
}

interface Act {
  readonly victim: StoreName
  readonly other: StoreName
  readonly changes: readonly Change[]
}

/** One half of the changes: one store dies in the middle of them, and the other gets them all. */
async function play(
  { wal, servers, story }: Stage,
  { victim, other, changes }: Act,
  tallies: Seen['tallies'],
  acknowledged: Acknowledged[],
): Promise<void> {
  const [goal, before] = [acknowledged.length + changes.length, tallies[victim].applied]
  const writing = write(wal, changes, acknowledged)
  // Heard of below; a write that fails meanwhile must not go unheard.
  writing.catch(() => {})
  await until(
    `${titles[victim]} has some`,
    () => tallies[victim].applied >= before + killAfter,
    patienceMs,
  )
  await servers[victim].kill()
  story.say(
    'bad',
    `kill -9: ${titles[victim]} dies, ${figure(tallies[victim].applied)} changes in.`,
  )

  await writing
  await until(`${titles[other]} has all`, () => tallies[other].applied >= goal, patienceMs)
  const [missing, spent] = [goal - tallies[victim].applied, tallies[victim].spent]
  story.say(
    'good',
    `${figure(goal)} changes are written, and ${titles[other]} has them all.`,
    `${figure(missing)} wait for ${titles[victim]}; the outage has cost them ${figure(spent)} attempts.`,
  )

  await servers[victim].start()
  story.say('good', `${titles[victim]} is back.`)
  await until(`${titles[victim]} has caught up`, () => tallies[victim].applied >= goal, patienceMs)
  story.say('good', `It has caught up, in order, from where it was.`)
}

/** Writes changes one after the other; each is durable before the next. */
async function write(wal: FilmWal, changes: readonly Change[], acknowledged: Acknowledged[]) {
  const films = wal.namespace('films')
  for (const change of changes) {
    const { version } =
      change.op === 'put'
        ? await films.write({ key: change.film.id, payload: change.film })
        : await films.delete({ key: change.id })
    acknowledged.push({ change, version })
  }
}

/** Counts what the log says from now on. */
function tally(wal: FilmWal): Seen['tallies'] {
  const none = (): Tally => ({ applied: 0, redelivered: 0, spent: 0, deadLettered: 0, outages: 0 })
  const tallies = { cassandra: none(), search: none() }
  const of = (target: string): Tally => tallies[target as StoreName]
  wal.on('applied', ({ target, records }) => {
    of(target).applied += records.length
  })
  wal.on('retry', ({ target }) => of(target).spent++)
  wal.on('deadLettered', ({ target }) => of(target).deadLettered++)
  wal.on('paused', ({ target }) => of(target).outages++)
  return tallies
}
