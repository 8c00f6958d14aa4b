import { setTimeout as sleep } from 'node:timers/promises'
import { figure, type Story, until } from '@daybook/example-stage'
import type { Service } from '@daybook/services'
import type { Rating } from '../rating.ts'
import type { RatingWal } from '../rating-wal.ts'
import type { RatingsStore } from '../ratings-store.ts'
import type { SendOrLog } from '../send-or-log.ts'
import type { RatedFilm } from './ratings.ts'
import { readTaken } from './read-back.ts'

/** What the play is played with. */
export interface Stage {
  readonly broker: Service
  readonly wal: RatingWal
  readonly sender: SendOrLog
  readonly store: RatingsStore
  readonly storeFile: string
  readonly story: Story
}

/** What was seen besides the topic and the store. */
export interface Seen {
  readonly sent: readonly Rating[]
  readonly dead: ReadonlySet<string>
  /** What should have happened, and did not. */
  readonly missing: readonly string[]
}

/** Slow enough to watch. */
const [atOnce, pauseMs] = [20, 20]

/** Plays it: ratings are sent while the broker dies, and handled although some of their films come late. */
export async function perform(
  stage: Stage,
  films: readonly RatedFilm[],
  ratings: readonly Rating[],
): Promise<Seen> {
  const { story, store, sender, storeFile } = stage
  const sent: Rating[] = []
  store.addFilms(films.filter(({ isLate }) => !isLate).map(({ key }) => key))
  story.watch(() => {
    const taken = figure(readTaken(storeFile).size)
    return `sent ${figure(sent.length)}, in the log ${figure(sender.waiting)}, in the store ${taken}`
  })
  try {
    const missing = [
      ...(await whileTheBrokerDies(stage, ratings, sent)),
      ...(await whileFilmsAreLate(stage, films, sent)),
    ]
    const { letters } = await stage.wal.namespace('unhandled').deadLetters.list({ limit: 1_000 })
    const dead = new Set(
      letters.flatMap(({ record }) => (record === undefined ? [] : (record.payload as Rating).id)),
    )
    const [group] = await stage.wal.namespace('unhandled').deadLetters.groups()
    story.say(
      'good',
      'The last of them are taken.',
      `${figure(dead.size)} are dead letters: they have no stars (${group?.code}).`,
    )
    return { sent, dead, missing }
  } finally {
    story.end()
  }
}

async function whileTheBrokerDies(
  { broker, wal, sender, story }: Stage,
  ratings: readonly Rating[],
  sent: Rating[],
): Promise<readonly string[]> {
  const third = Math.ceil(ratings.length / 3)
  const before = await send(sender, ratings.slice(0, third), sent)
  story.say('good', `${figure(sent.length)} ratings are sent: ${figure(before.Kafka)} to Kafka.`)

  await broker.kill()
  story.say('bad', 'kill -9: the broker dies.')
  const meanwhile = await send(sender, ratings.slice(third, 2 * third), sent)
  story.say(
    'good',
    `${figure(sent.length)} ratings are sent: the last ${figure(meanwhile['the log'])} to the log, where they wait.`,
  )
  const waited = sender.waiting

  await broker.start()
  story.say('good', 'The broker is back. The log sends what has waited.')
  await wal.namespace('unsent').drain({ timeout: '60s' })
  await until('nothing waits', () => sender.waiting === 0)
  const after = await send(sender, ratings.slice(2 * third), sent)
  story.say(
    'good',
    `${figure(sent.length)} ratings are sent: the last ${figure(after.Kafka)} to Kafka.`,
  )
  return whatIsNot({
    'all went to Kafka before its broker died': before['the log'] === 0,
    'nothing went to Kafka while it was dead': meanwhile.Kafka === 0 && waited >= third,
    'all went to Kafka again afterwards': after['the log'] === 0,
  })
}

async function whileFilmsAreLate(
  { wal, store, storeFile, story }: Stage,
  films: readonly RatedFilm[],
  sent: readonly Rating[],
): Promise<readonly string[]> {
  const late = new Set(films.filter(({ isLate }) => isLate).map(({ key }) => key))
  const others = sent.filter(({ film, stars }) => !late.has(film) && stars !== null)
  await until('the ratings of all other films are in the store', () => {
    const taken = readTaken(storeFile)
    return others.every(({ id }) => taken.has(id))
  })
  const waiting = async (): Promise<number> => {
    const { pending = 0, delayed = 0 } = (await wal.namespace('unhandled').status()).targets.target
    return pending + delayed
  }
  const lateRatings = sent.filter(({ film, stars }) => late.has(film) && stars !== null).length
  await until('the ratings of films that are late are put aside', async () => {
    return (await waiting()) >= lateRatings
  })
  story.say(
    'good',
    `${figure(others.length)} ratings are in the store: all whose films are known.`,
    `${figure(lateRatings)} wait for films that are not there yet. Their partitions have not waited for them.`,
  )
  const early = [...readTaken(storeFile)].length - others.length
  store.addFilms([...late])
  story.say('good', `${figure(late.size)} films have come.`)
  await wal.namespace('unhandled').drain({ includeDelayed: true, timeout: '60s' })
  return whatIsNot({
    'some films were late': lateRatings > 0,
    'no rating was taken before its film was there': early === 0,
  })
}

/** Sends ratings, some at a time; resolves with how many went where. */
async function send(
  sender: SendOrLog,
  ratings: readonly Rating[],
  sent: Rating[],
): Promise<Record<'Kafka' | 'the log', number>> {
  const went = { Kafka: 0, 'the log': 0 }
  for (let at = 0; at < ratings.length; at += atOnce) {
    const some = ratings.slice(at, at + atOnce)
    for (const where of await Promise.all(some.map((rating) => sender.send(rating)))) went[where]++
    sent.push(...some)
    await sleep(pauseMs)
  }
  return went
}

function whatIsNot(expected: Readonly<Record<string, boolean>>): readonly string[] {
  return Object.keys(expected).filter((what) => !expected[what])
}
