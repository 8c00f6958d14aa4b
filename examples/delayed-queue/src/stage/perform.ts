import { join } from 'node:path'
import { Actor, figure, type Story } from '@daybook/example-stage'
import { cleanupPlan } from '../cleanup-wal.ts'
import type { ServiceCalls } from '../service.ts'
import type { Deletion, Put } from './check.ts'
import { keysOf, type Title } from './library.ts'
import { readStore } from './read-back.ts'

/** What the audience of the check has to know besides the store. */
export interface Seen {
  readonly puts: readonly Put[]
  readonly deletions: readonly Deletion[]
  /** What should have happened, and did not. */
  readonly missing: readonly string[]
}

/** The service, and what it has called durable. */
class Stage {
  readonly directory: string
  readonly puts: Put[] = []
  readonly #deletions = new Map<string, Deletion>()
  /** Answers to calls about deletions that were other than expected. */
  readonly surprises: string[] = []
  #service: Actor<ServiceCalls> | undefined

  constructor(directory: string) {
    this.directory = directory
  }

  get service(): Actor<ServiceCalls> {
    if (this.#service === undefined) throw new Error('The service does not run')
    return this.#service
  }

  get deletions(): readonly Deletion[] {
    return [...this.#deletions.values()]
  }

  async start(): Promise<void> {
    const script = new URL('../service.ts', import.meta.url)
    this.#service = await Actor.start<ServiceCalls>(script, this.directory)
  }

  async add(titles: readonly Title[], after?: ReadonlyMap<string, bigint>): Promise<void> {
    const receipts = await this.service.ask(
      'add',
      titles.map(({ key, stream }) => [key, stream, after?.get(key)]),
    )
    for (const [at, { key, stream }] of titles.entries()) {
      const { durable, version } = receipts[at] ?? {}
      if (durable !== 'yes' || version === undefined) throw new Error(`${key} was not put`)
      this.puts.push({ key, version, segments: stream.segments })
    }
  }

  /** Resolves with the ids of the deletions. */
  async expire(keys: readonly string[], delayMs?: number): Promise<readonly string[]> {
    const notBefore = Date.now() + (delayMs ?? cleanupPlan.delayMs)
    const receipts = await this.service.ask('expire', keys, delayMs)
    return receipts.map(({ id, version, durable }, at) => {
      const key = keys[at] ?? ''
      if (durable !== 'yes') throw new Error(`The deletion of ${key} was not scheduled`)
      this.#deletions.set(id, { key, version, notBefore, isCancelled: false })
      return id
    })
  }

  async renew(ids: readonly string[]): Promise<void> {
    const fates = await this.service.ask('renew', ids)
    this.#note(ids, fates, 'cancelled', { isCancelled: true })
  }

  async move(ids: readonly string[], delayMs: number): Promise<void> {
    const notBefore = Date.now() + delayMs
    const fates = await this.service.ask('move', ids, delayMs)
    this.#note(ids, fates, 'rescheduled', { notBefore })
  }

  /** The version of the deletion of each stream that has one. */
  versionsOf(ids: readonly string[]): ReadonlyMap<string, bigint> {
    const chosen = ids.flatMap((id) => this.#deletions.get(id) ?? [])
    return new Map(chosen.map(({ key, version }) => [key, version]))
  }

  #note(
    ids: readonly string[],
    fates: readonly string[],
    wanted: string,
    change: Partial<Deletion>,
  ): void {
    for (const [at, id] of ids.entries()) {
      const before = this.#deletions.get(id)
      if (before === undefined) continue
      if (fates[at] === wanted) this.#deletions.set(id, { ...before, ...change })
      else this.surprises.push(`the deletion of ${before.key} was ${wanted}: it was ${fates[at]}`)
    }
  }
}

/** Plays it. Licences end, are renewed and prolonged, and the service dies while deletions wait. */
export async function perform(
  directory: string,
  library: readonly Title[],
  story: Story,
): Promise<Seen> {
  const stage = new Stage(directory)
  await stage.start()
  await stage.add(library)
  await stage.service.ask('settle', false)
  story.say('good', `${figure(library.length)} films are there to be streamed.`)

  await beforeTheKill(stage, library, story)
  const { paramount, sony } = await scheduleFarAhead(stage, library)
  const waiting = (await stage.service.ask('status')).waiting
  const diedOf = await stage.service.kill()
  const deletedBefore = readStore(join(directory, 'streams.sqlite')).arrivals.filter(
    ({ op }) => op === 'delete',
  ).length
  story.say(
    'bad',
    `kill -9: the service dies, while ${figure(waiting)} deletions wait for their time.`,
    `${figure(deletedBefore)} have come so far.`,
  )

  await stage.start()
  story.say('good', 'The service is started again. What waits is in its log, by id.')
  await stage.renew(sony)
  story.say('good', `Sony's licence is renewed: ${figure(sony.length)} deletions taken back.`)
  await stage.move(paramount, 1_000)
  story.say('good', `Paramount's ends now: ${figure(paramount.length)} deletions brought forward.`)

  await untilDeleted(stage, story)
  const exitCode = await stage.service.stop()
  const expected: Readonly<Record<string, boolean>> = {
    'the service was killed': diedOf === 'SIGKILL',
    'deletions waited when it was killed': waiting > 0,
    'the service closed in peace': exitCode === 0,
  }
  const missing = Object.keys(expected).filter((what) => !expected[what])
  const { puts, deletions, surprises } = stage
  return { puts, deletions, missing: [...missing, ...surprises] }
}

async function beforeTheKill(stage: Stage, library: readonly Title[], story: Story): Promise<void> {
  const { delayMs, jitterMs } = cleanupPlan
  const warner = keysOf(library, 'Warner Bros.')
  const ending = await stage.expire([...warner, ...keysOf(library, 'Universal')])
  const disney = await stage.expire(keysOf(library, 'Walt Disney Pictures'))
  const fox = await stage.expire(keysOf(library, '20th Century Fox'))
  story.say(
    'good',
    `The licences of four studios end: ${figure(ending.length + disney.length + fox.length)} films to delete.`,
    `Not before ${delayMs / 1_000} s are over, as somebody may be watching, nor all at once: up to ${jitterMs / 1_000} s later.`,
  )
  await stage.renew(disney)
  story.say('good', `Disney's is renewed: ${figure(disney.length)} deletions taken back, by id.`)
  await stage.move(fox, delayMs + jitterMs)
  story.say('good', `Fox's is prolonged: ${figure(fox.length)} deletions put off, by id.`)

  const bought = new Set(warner.filter((_, at) => at % 10 === 0))
  await stage.add(
    library.filter(({ key }) => bought.has(key)),
    stage.versionsOf(ending),
  )
  story.say(
    'good',
    `${figure(bought.size)} films of Warner are bought anew, while their deletions wait.`,
    'Nobody takes these back: they are older than what was put, and will change nothing.',
  )
}

/** Licences that end in a minute: nobody will wait for these. */
async function scheduleFarAhead(stage: Stage, library: readonly Title[]) {
  return {
    paramount: await stage.expire(keysOf(library, 'Paramount Pictures'), 60_000),
    sony: await stage.expire(keysOf(library, 'Sony Pictures'), 60_000),
  }
}

async function untilDeleted(stage: Stage, story: Story): Promise<void> {
  let figures = ''
  const looking = setInterval(async () => {
    const status = await stage.service.ask('status').catch(() => undefined)
    if (status === undefined) return
    const { deleted, due, waiting } = status
    figures = `${figure(deleted)} came, ${figure(due)} are due, ${figure(waiting)} wait`
  }, 100)
  story.watch(() => figures)
  try {
    await stage.service.ask('settle', true)
  } finally {
    clearInterval(looking)
    story.end()
  }
  story.say('good', 'No deletion waits any more.')
}
