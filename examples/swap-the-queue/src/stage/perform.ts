import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { figure, type Story, until } from '@daybook/example-stage'
import type { ScanPlan } from '../configuration.ts'
import { openTable } from '../parcels-table.ts'
import { type Acknowledged, type Arrival, checkTable, type Findings } from './check.ts'
import { Crew } from './crew.ts'
import type { QueueOnStage } from './queues.ts'
import { readArrivals, readTable } from './read-back.ts'
import type { WorkerProcess } from './worker-process.ts'

/** What was seen of the application on one queue. */
export interface Performance extends Findings {
  readonly title: string
  readonly ordered: boolean
  readonly acknowledged: number
  /** What should have happened, and did not. */
  readonly missing: readonly string[]
  readonly seconds: number
}

/** One run of the application. */
interface Stage {
  readonly queue: QueueOnStage
  readonly table: string
  readonly crew: Crew
  readonly story: Story
}

const numbers = [1, 2, 3] as const

/** Scans that are saved before anything happens: enough for everybody to be at work. */
const scansBefore = 300

/** Runs the application on a queue, while one of those who deliver is killed and another one comes. */
export async function perform(
  queue: QueueOnStage,
  address: string,
  directory: string,
  scans: Omit<ScanPlan, 'saved'>,
  story: Story,
): Promise<Performance> {
  const startedAt = performance.now()
  mkdirSync(directory, { recursive: true })
  const table = join(directory, 'parcels.sqlite')
  openTable(table).close()
  const queueOf = await queue.prepare(address, directory)
  const crew = new Crew({ directory, table, scans, queueOf })
  try {
    const missing = await act({ queue, table, crew, story })
    const { acknowledged } = crew
    return {
      ...checkTable(readTable(table), acknowledged),
      title: queue.title,
      ordered: queue.ordered,
      acknowledged: acknowledged.length,
      missing,
      seconds: (performance.now() - startedAt) / 1_000,
    }
  } catch (error) {
    const complaints = crew.complaints.slice(0, 10).map((text) => `\n  ${text}`)
    throw new Error(`${(error as Error).message}${complaints.join('')}`, { cause: error })
  } finally {
    await crew.end()
  }
}

/** Plays it, and answers what should have happened and did not. */
async function act(stage: Stage): Promise<readonly string[]> {
  const { queue, table, crew, story } = stage
  const [victim] = await raiseCurtain(stage)
  const diedOf = await crew.kill(victim)
  const before = readArrivals(table)
  story.say('bad', ...obituary(queue, victim, before))

  const newcomer = queue.shared
    ? crew.start('desk-4', 'deliver')
    : crew.start(victim.name, 'write', 'deliver')
  await until('the newcomer delivers', () => {
    const after = readArrivals(table).slice(before.length)
    return crew.isReady && after.some(({ via }) => via === newcomer.name)
  })
  story.say('good', ...welcome(queue, newcomer))

  const writersLeft = await crew.stop('write')
  const saved = crew.acknowledged
  story.say('good', `The depots have closed. ${figure(saved.length)} scans are saved.`)
  await until('all that is saved has arrived', () => haveArrived(saved, table))
  const othersLeft = await crew.stop('deliver')
  story.say('good', 'All of them have come to the table.')

  const expected: Readonly<Record<string, boolean>> = {
    'a process was killed': diedOf === 'SIGKILL',
    'it was killed in the middle': before.length < saved.length,
    'the others closed in peace': writersLeft && othersLeft,
  }
  return Object.keys(expected).filter((what) => !expected[what])
}

/** Starts all processes, and waits until the three that deliver have each had a share. */
async function raiseCurtain(stage: Stage): Promise<readonly [WorkerProcess, ...WorkerProcess[]]> {
  const { queue, table, crew, story } = stage
  const start = (number: number): WorkerProcess =>
    queue.shared
      ? crew.start(`desk-${number}`, 'deliver')
      : crew.start(`depot-${number}`, 'write', 'deliver')
  const delivering = [start(numbers[0]), start(numbers[1]), start(numbers[2])] as const
  await until('those who deliver are ready', () => delivering.every(({ isReady }) => isReady))
  if (queue.shared) for (const number of numbers) crew.start(`depot-${number}`, 'write')
  story.say('good', ...cast(queue))
  await until('all three have delivered, and some is saved', () => {
    const via = new Set(readArrivals(table).map((arrival) => arrival.via))
    return crew.isReady && via.size >= numbers.length && crew.acknowledged.length >= scansBefore
  })
  return delivering
}

function haveArrived(acknowledged: readonly Acknowledged[], table: string): boolean {
  const arrived = new Set(readArrivals(table).map(({ key, version }) => `${key}@${version}`))
  return acknowledged.every(({ key, version }) => arrived.has(`${key}@${version}`))
}

type Line = readonly [text: string, ...details: string[]]

function cast({ shared }: QueueOnStage): Line {
  if (shared) return ['Three depots scan, and three desks keep the table: six processes.']
  return [
    'Three depots scan and keep the table: three processes, each with a directory of its own.',
    'A file log belongs to one process, which writes and delivers.',
  ]
}

function obituary(
  { shared }: QueueOnStage,
  { name }: WorkerProcess,
  before: readonly Arrival[],
): Line {
  const brought = before.filter(({ via }) => via === name).length
  return [
    `kill -9: ${name} dies while it delivers, ${figure(brought)} of ${figure(before.length)} by then.`,
    shared
      ? 'What it held goes to the others, once the queue takes it for gone.'
      : 'What its log holds waits there: nobody else may open it. The other two go on.',
  ]
}

function welcome({ shared }: QueueOnStage, { name }: WorkerProcess): Line {
  if (shared) return [`${name} has joined, and delivers its share.`]
  return [`${name} is started again, and goes on where its log ends.`]
}
