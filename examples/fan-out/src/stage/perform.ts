import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Namespace } from '@daybook/core'
import { figure, type Story, until } from '@daybook/example-stage'
import type { Film } from '../film.ts'
import { openFilmWal, openFilmWalWithDirectors, type Places } from '../film-wal.ts'
import type { Change } from './changes.ts'
import type { Acknowledged } from './check.ts'
import type { Partner } from './partner.ts'
import type { Progress } from './progress.ts'

export interface Stage {
  readonly places: Places
  readonly partner: Partner
  readonly story: Story
  readonly progress: Progress
}

/** What was seen besides the consumers. */
export interface Seen {
  readonly acknowledged: readonly Acknowledged[]
  /** What should have happened, and did not. */
  readonly missing: readonly string[]
}

type Expected = Record<string, boolean>

/** Plays it: one write for three consumers, of which one makes trouble; then one more, and one that is lost. */
export async function perform(stage: Stage, changes: readonly Change[]): Promise<Seen> {
  const acknowledged: Acknowledged[] = []
  const expected: Expected = {}
  await threeConsumers(stage, changes, acknowledged, expected)
  await oneMore(stage, acknowledged.length, expected)
  const missing = Object.keys(expected).filter((what) => !expected[what])
  return { acknowledged, missing }
}

async function threeConsumers(
  { places, partner, story, progress }: Stage,
  changes: readonly Change[],
  acknowledged: Acknowledged[],
  expected: Expected,
): Promise<void> {
  const wal = await openFilmWal(places)
  progress.follow(wal)
  const films = wal.namespace('films')
  const done = (name: string): number => progress.of(name).done
  const othersHave = (count: number): boolean => Math.min(done('library'), done('search')) >= count
  try {
    await wal.start()
    story.watch(() => `written ${figure(acknowledged.length)}; ${progress.line}`)
    const middle = Math.ceil(changes.length / 2)

    await write(films, changes.slice(0, middle), acknowledged)
    await until('library and search have the first half', () => othersHave(middle))
    const behind = middle - done('partner')
    expected['the slow partner was behind while the others had everything'] = behind > 0
    story.say(
      'good',
      `${figure(middle)} changes written; library and search have them all.`,
      `The partner is slow, and asks for a pause again and again (429): ${figure(behind)} wait for it.`,
    )
    await until('the partner asks for less', () => progress.of('partner').throttled > 0)

    const throttled = (await partner.tally()).throttled
    expected['the partner asked for less'] = throttled > 0
    expected['the partner was killed'] = (await partner.kill()) === 'SIGKILL'
    story.say('bad', `kill -9: the partner dies, ${figure(done('partner'))} changes in.`)
    await write(films, changes.slice(middle), acknowledged)
    await until('library and search have all', () => othersHave(changes.length))
    await until('the partner is seen to be down', () => progress.of('partner').down > 0)
    const missed = changes.length - done('partner')
    expected['the others had everything while the partner was down'] = missed > 0
    story.say(
      'good',
      `${figure(acknowledged.length)} changes written; library and search have them all.`,
      `${figure(missed)} wait for the partner, in the log.`,
    )
    await partner.start()
    story.say('good', 'The partner is back, and is given what it missed, in order.')
    const answers = await partner.forge()
    expected['the partner took no forged request'] = answers.every((status) => status === 401)
    story.say(
      'good',
      `It answers ${answers.join(' and ')} to what is signed with another secret, and an hour ago.`,
    )
    await wal.drain({ timeout: '2m' })
    story.say('good', `The partner has all ${figure(changes.length)} as well.`)
  } finally {
    story.end()
    await wal.close()
  }
}

/** Opens the log again with a consumer more, and with a search index that has been lost meanwhile. */
async function oneMore(
  { places, partner, story, progress }: Stage,
  count: number,
  expected: Expected,
): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) {
    rmSync(`${places.fileOf('search')}${suffix}`, { force: true })
  }
  story.say('bad', "The search index's file is lost.")
  const before = await partner.tally()
  const wal = await openFilmWalWithDirectors(places)
  progress.follow(wal)
  try {
    await wal.start()
    await wal.drain({ timeout: '2m' })
    expected['the new consumer was given all of the past'] = progress.of('directors').done === count
    story.say(
      'good',
      'A consumer is added: who has directed what.',
      `It was given all ${figure(count)} changes from the log's beginning; the others were given none.`,
    )
    const { sent } = await wal.namespace('films').replay({ target: 'search' })
    await wal.drain({ timeout: '2m' })
    expected['the replay sent everything'] = sent === count
    story.say(
      'good',
      `The search index is made anew, by a replay of ${figure(sent)} changes to it.`,
    )
    const after = await partner.tally()
    expected['the partner was given nothing again for that'] =
      after.again === before.again && after.taken === before.taken
  } finally {
    await wal.close()
  }
}

/** Writes changes, some at a time; a film's changes keep the order in which they are written. */
async function write(
  films: Pick<Namespace<Film>, 'write' | 'delete'>,
  changes: readonly Change[],
  acknowledged: Acknowledged[],
): Promise<void> {
  for (let at = 0; at < changes.length; at += atOnce) {
    const some = changes.slice(at, at + atOnce)
    const receipts = await Promise.all(
      some.map((change) =>
        change.op === 'put'
          ? films.write({ key: change.key, payload: change.film })
          : films.delete({ key: change.key }),
      ),
    )
    for (const [index, { version }] of receipts.entries()) {
      const change = some[index]
      if (change !== undefined) acknowledged.push({ change, version })
    }
    await sleep(pauseMs)
  }
}

/** Slow enough to watch. */
const [atOnce, pauseMs] = [20, 15]
