import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type } from '../../../src/config/payload-type.ts'
import { fanOut } from '../../../src/persona/fan-out.ts'
import { memoryQueue } from '../../../src/queue/memory-queue.ts'
import type { HttpTargetOptions } from '../../../src/target/http/http-options.ts'
import { httpTarget } from '../../../src/target/http/http-target.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { createWal } from '../../../src/wal.ts'
import { TestProcess } from '../../simulation/kill-process.ts'
import type { ApplicationTask } from './application-child.ts'
import { Application } from './support/application.ts'
import { Films } from './support/films-application.ts'

interface Film {
  readonly n: number
  readonly bad?: boolean
}

const directory = mkdtempSync(join(tmpdir(), 'daybook-http-'))
afterAll(() => rmSync(directory, { recursive: true }))

const breaker = { failures: 10, minOpen: '20ms', maxOpen: '50ms' } as const
const retry = { maxAttempts: 3, minDelay: '5ms', maxDelay: '20ms' } as const

function filmsWal(options: HttpTargetOptions<Film>) {
  const films = fanOut({
    payload: type<Film>(),
    queue: memoryQueue(),
    targets: { http: httpTarget<Film>(options) },
    breaker,
    retry,
  })
  return createWal({ namespaces: { films } })
}

describe('delivery to an application', () => {
  it('loses nothing and spends nothing where the application is killed under load', async () => {
    const file = join(directory, 'films.jsonl')
    const random = new SeededRandom(Number(process.env['DAYBOOK_SEED']))
    let child = await startChild({ port: 0, file })
    const { port } = child
    await using wal = await filmsWal({
      url: `http://127.0.0.1:${port}/`,
      batch: { maxRecords: 20 },
    })
    const films = wal.namespace('films')
    await wal.start()
    const wanted = new Map<string, number>()
    for (let round = 0; round < 4; round++) {
      const writes = Array.from({ length: 150 }, (_, at) => {
        const n = round * 150 + at
        const key = `film ${random.integer(1, 40)}`
        wanted.set(key, n)
        return films.write({ key, payload: { n } })
      })
      writes.push(films.write({ key: `bad ${round}`, payload: { n: round, bad: true } }))
      await Promise.all(writes)
      await until(() => child.process.lines.length > 0 && sizeOf(file) > round * 30)
      child.process.kill('SIGKILL')
      await child.process.ended
      child = await startChild({ port, file })
    }
    await wal.drain({ timeout: '20s' })
    const { delivery, dead, pending } = (await wal.status()).namespaces.films.targets.http
    expect({ dead, pending }).toEqual({ dead: 4, pending: 0 })
    expect(delivery).toBeDefined()
    const { letters } = await films.deadLetters.list()
    expect(letters.map(({ code, attemptsSpent }) => [code, attemptsSpent])).toEqual(
      Array.from({ length: 4 }, () => ['no_title', 1]),
    )
    expect(statesIn(file)).toEqual(wanted)
    child.process.kill('SIGKILL')
    await child.process.ended
  })

  it('loses nothing and spends nothing where connections are cut in mid-batch, before and after it was applied', async () => {
    const films = new Films('version')
    let requests = 0
    await using application = await Application.start((request) => {
      const turn = requests++ % 3
      // Fewer than would make it look as if one of the records brought the application down.
      if (turn === 2 || requests > 12) return films.answerMany(request)
      if (turn === 1) films.answerMany(request)
      setImmediate(() => application.cutWaiting())
      return undefined
    })
    await using wal = await filmsWal({
      ...{ url: application.url(), batch: { maxRecords: 10 } },
      idempotency: 'version',
    })
    const paused = new Set<string>()
    wal.on('paused', ({ reason }) => paused.add(reason))
    await wal.start()
    const keys = Array.from({ length: 30 }, (_, at) => `film ${at}`)
    for (let n = 0; n < 10; n++) {
      const round = keys.map((key) => ({ key, payload: { n } }))
      await wal.namespace('films').writeMany(round)
    }
    const { films: report } = await wal.drain({ timeout: '20s' })
    expect(report.http).toMatchObject({ dead: 0, pending: 0 })
    expect(paused).toEqual(new Set(['unavailable']))
    const { delivery } = (await wal.status()).namespaces.films.targets.http
    expect(delivery).toMatchObject({ retried: 0 })
    for (const key of keys) expect(await films.read(key)).toEqual({ n: 9 })
  })

  it('waits while a credential is wrong, and spends no attempt on it', async () => {
    await using application = await Application.start(({ headers }) => ({
      status: headers['authorization'] === 'Bearer right' ? 200 : 401,
    }))
    let token = 'wrong'
    await using wal = await filmsWal({
      url: application.url(),
      headers: () => ({ authorization: `Bearer ${token}` }),
    })
    const paused: string[] = []
    wal.on('paused', ({ code }) => paused.push(code))
    await wal.namespace('films').writeMany([1, 2, 3].map((n) => ({ key: `${n}`, payload: { n } })))
    await wal.start()
    await until(() => paused.length >= 6)
    token = 'right'
    const report = await wal.drain({ timeout: '10s' })
    expect(new Set(paused)).toEqual(new Set(['HTTP_401']))
    expect(report.films.http).toMatchObject({ applied: 3, dead: 0 })
  })

  it('pauses for as long as the application asks, and comes back without a letter', async () => {
    let refusals = 5
    await using application = await Application.start(() =>
      refusals-- > 0 ? { status: 429, headers: { 'retry-after': '0.02' } } : { status: 200 },
    )
    await using wal = await filmsWal({ url: application.url() })
    await wal
      .namespace('films')
      .writeMany([1, 2, 3, 4].map((n) => ({ key: `${n}`, payload: { n } })))
    await wal.start()
    const report = await wal.drain({ timeout: '10s' })
    expect(report.films.http).toMatchObject({ applied: 4, dead: 0 })
    expect(refusals).toBeLessThan(0)
  })

  it('takes an address that is not there for an outage, and a record that is not for its own fault', async () => {
    let isDeployed = false
    await using application = await Application.start(({ text }) =>
      isDeployed && !text.includes('missing') ? { status: 200 } : { status: 404 },
    )
    await using wal = await filmsWal({ url: application.url('/films') })
    const films = wal.namespace('films')
    const paused: string[] = []
    wal.on('paused', ({ reason }) => paused.push(reason))
    const keys = Array.from({ length: 12 }, (_, n) => `film ${n}`)
    await films.writeMany([...keys, 'missing'].map((key, n) => ({ key, payload: { n } })))
    await wal.start()
    await until(() => paused.length >= 8)
    isDeployed = true
    const report = await wal.drain({ timeout: '10s' })
    expect(report.films.http).toMatchObject({ applied: 12, dead: 1 })
    const { letters } = await films.deadLetters.list()
    expect(letters).toMatchObject([{ code: 'HTTP_404', record: { key: 'missing' } }])
  })

  it('goes on to other hosts while one of them is dead, and charges nobody for it', async () => {
    await using alive = await Application.start()
    const gone = await Application.start()
    const { host: dead, port } = gone
    await gone[Symbol.asyncDispose]()
    await using wal = await filmsWal({
      url: ({ payload }) => `http://${payload?.bad ? dead : alive.host}/`,
      hosts: [alive.host, dead],
    })
    const films = wal.namespace('films')
    const held: string[] = []
    const retried: string[] = []
    let applied = 0
    wal.on('held', ({ code }) => held.push(code))
    wal.on('applied', ({ records }) => {
      applied += records.length
    })
    wal.on('retry', ({ attempt }) => retried.push(attempt.code))
    const writes = Array.from({ length: 40 }, (_, n) => {
      return { key: `${n}`, payload: { n, bad: n % 10 === 0 } }
    })
    await films.writeMany(writes)
    await wal.start()
    await until(() => applied === 36 && held.length === 4)
    await using back = await Application.start(undefined, port)
    const report = await wal.drain({ timeout: '20s' })
    expect(report.films.http).toMatchObject({ applied: 4, dead: 0 })
    expect(back.received).toHaveLength(4)
    expect(new Set(held)).toEqual(new Set(['ECONNREFUSED']))
    expect(retried).toEqual([])
  })

  it('loses no good record beside an older one for which a whole batch is a conflict', async () => {
    const held = new Map<string, { readonly version: bigint; readonly n: number }>()
    let requests = 0
    await using application = await Application.start(({ text }) => {
      requests++
      const { records }: { records: readonly { key: string; version: string; payload: Film }[] } =
        JSON.parse(text)
      const isOlder = records.some(
        ({ key, version }) => BigInt(version) < (held.get(key)?.version ?? 0n),
      )
      if (isOlder) return { status: 409 }
      for (const { key, version, payload } of records) {
        held.set(key, { version: BigInt(version), n: payload.n })
      }
      return { status: 204 }
    })
    const options = { url: application.url(), batch: true, idempotency: 'version' } as const
    await using wal = await filmsWal(options)
    const films = wal.namespace('films')
    const receipts = await films.writeMany(
      Array.from({ length: 30 }, (_, n) => ({ key: `${n}`, payload: { n } })),
    )
    // Somebody else has brought a newer change of this one.
    held.set('17', { version: (receipts[17]?.version ?? 0n) + 1n, n: 1000 })
    await wal.start()
    const report = await wal.drain({ timeout: '10s' })
    const expected = Array.from({ length: 30 }, (_, n) => [`${n}`, n === 17 ? 1000 : n])
    expect(Object.fromEntries([...held].map(([key, { n }]) => [key, n]))).toEqual(
      Object.fromEntries(expected),
    )
    expect(report.films.http).toMatchObject({ applied: 29, superseded: 1, dead: 0 })
    const { delivery } = (await wal.status()).namespaces.films.targets.http
    expect(delivery?.retried).toBe(0)
    // The half with the older one, and the other one, down to that record alone.
    expect(requests).toBeLessThanOrEqual(11)
  })

  it('finds the one record for which a whole batch is refused', async () => {
    await using application = await Application.start(({ text }) => ({
      status: text.includes('"bad":true') ? 422 : 200,
    }))
    await using wal = await filmsWal({ url: application.url(), batch: true })
    const films = wal.namespace('films')
    await films.writeMany(
      Array.from({ length: 30 }, (_, n) => ({ key: `${n}`, payload: { n, bad: n === 17 } })),
    )
    await wal.start()
    const report = await wal.drain({ timeout: '10s' })
    expect(report.films.http).toMatchObject({ applied: 29, dead: 1 })
    const { letters } = await films.deadLetters.list()
    expect(letters).toMatchObject([{ code: 'HTTP_422', attemptsSpent: 1, record: { key: '17' } }])
  })
})

async function startChild(task: ApplicationTask) {
  const script = join(import.meta.dirname, 'application-child.ts')
  const child = new TestProcess(script, task)
  const line = await child.line('listening')
  if (line === undefined) throw new Error((await child.ended).complaints)
  return { process: child, port: Number(line.split(' ')[1]) }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5))
}

function sizeOf(file: string): number {
  return linesOf(file).length
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(0, -1)
  } catch {
    return []
  }
}

/** What the application holds of each film. */
function statesIn(file: string): ReadonlyMap<string, number> {
  return new Map(
    linesOf(file).map((line) => {
      const { key, payload } = JSON.parse(line) as { key: string; payload: Film }
      return [key, payload.n]
    }),
  )
}
