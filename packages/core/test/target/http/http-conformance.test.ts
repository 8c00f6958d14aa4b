import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { httpTarget } from '../../../src/target/http/http-target.ts'
import {
  type ConformanceCase,
  runConformance,
  type TargetConformanceOptions,
  targetConformance,
} from '../../../src/testing/index.ts'
import { type Row, rowPayloads } from '../../testing/versioned-store.ts'
import { Application, type Reply } from './support/application.ts'
import { Films, type Guard } from './support/films-application.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
let application: Application
/** One shelf of films for each case and run, under an address of its own. */
const shelves = new Map<string, Films>()
const stalled = new Set<string>()

beforeAll(async () => {
  application = await Application.start(async (request): Promise<Reply | undefined> => {
    const [, kind, name = ''] = request.path.split('/')
    if (stalled.has(name)) return undefined
    const films = shelves.get(name)
    if (films === undefined) return { status: 404 }
    if (request.method === 'GET') return { status: 200 }
    return kind === 'many' ? films.answerMany(request) : films.answerOne(request)
  })
})
afterAll(() => application[Symbol.asyncDispose]())

suite('httpTarget with a request for each record, of an application that knows ids', {
  create: () => subject('one', 'id'),
})
suite('httpTarget with a request for each record, of an application that compares versions', {
  create: () => subject('one', 'version'),
})
suite('httpTarget with a request for many records, each with its result', {
  create: () => subject('many', 'version'),
})
suite('httpTarget with a request for many records, of an application that knows ids', {
  create: () => subject('many', 'id'),
})

const anyOrder = 'ends in the state of the versions in any order, with any repeats'

describe('an application that compares versions of fields', { timeout: 300_000 }, () => {
  it(`${anyOrder}, of five hundred histories`, async () => {
    const create = () => subject('many', 'fields', 'version')
    // A case may take ten times the patience, and a busy machine takes its time.
    const patient = { runs: 500, patienceMs: 30_000, patchesCommute: true, seed }
    const cases = targetConformance<Row>({ create, ...rowPayloads, ...patient })
    await cases.find(({ name }) => name === anyOrder)?.run()
    expect(cases.map(({ name }) => name)).toContain(anyOrder)
  })
})

describe('an application that is careless', () => {
  it('is found by the suite of targets where it forgets ids', () =>
    expectRed(
      targetConformance({ create: () => subject('one', 'none', 'id'), ...rowPayloads, seed }),
      ['ends in the state of the versions after redelivery in order'],
    ))
  it('is found by the suite of targets where it forgets versions', () =>
    expectRed(
      targetConformance({ create: () => subject('many', 'none', 'version'), ...rowPayloads, seed }),
      [
        'changes nothing when an older change comes after a newer one',
        'does not bring back what was deleted when an older change comes late',
        anyOrder,
      ],
    ))
})

function suite(name: string, options: Pick<TargetConformanceOptions<Row>, 'create'>): void {
  describe(name, { concurrent: true }, () => {
    const cases = targetConformance<Row>({ ...rowPayloads, seed, ...options })
    for (const { name: demand, run } of cases) it(demand, run)
  })
}

let count = 0

function subject(kind: 'one' | 'many', guard: Guard, declared = guard) {
  const name = `shelf-${count++}`
  const films = new Films(guard)
  shelves.set(name, films)
  const target = httpTarget<Row>({
    url: application.url(`/${kind}/${name}`),
    health: application.url(`/${kind}/${name}`),
    idempotency: declared === 'version' ? 'version' : 'id',
    batch: kind === 'many',
  })
  return {
    target,
    read: (key: string) => films.read(key),
    stall: async () => {
      stalled.add(name)
      return () => {
        stalled.delete(name)
        application.cutWaiting()
      }
    },
    dispose: () => void shelves.delete(name),
  }
}

async function expectRed(cases: readonly ConformanceCase[], red: readonly string[]): Promise<void> {
  const chosen = cases.filter(({ name }) => red.includes(name))
  expect(chosen.map(({ name }) => name)).toEqual(expect.arrayContaining([...red]))
  for (const { name, failure } of await runConformance(chosen)) {
    expect(failure, `"${name}" stays green`).toMatchObject({ name: 'AssertionError' })
  }
}
