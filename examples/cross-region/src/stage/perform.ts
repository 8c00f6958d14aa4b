import { setTimeout as sleep } from 'node:timers/promises'
import { figure, type Story, until } from '@daybook/example-stage'
import { nameOf } from './check.ts'
import { linkName } from './lag-log.ts'
import type { Mesh } from './mesh.ts'
import { seconds } from './print.ts'

/** So much has come over each link before anything happens to it. */
const arrivalsBefore = 20

/**
 * Cuts links, slows them down, silences them, and kills regions, while all of them change the same
 * bookmarks. Answers what should have happened and did not.
 */
export async function perform(mesh: Mesh, story: Story): Promise<readonly string[]> {
  const expected: Record<string, boolean> = {}
  await raiseCurtain(mesh, story)
  story.watch(() => `behind: ${mesh.links.map((link) => behind(mesh, link)).join('   ')}`)

  const heal = await cut(mesh, story)
  const us = await kill(mesh, story, 'us')
  const usReturns = us.comeBack()
  await slowDown(mesh, story)
  await usReturns
  story.say('good', 'us delivers again, what it had not sent by then too: it lay in its own queue.')
  await heal()

  const speak = silence(mesh, story)
  await sleep(500)
  const ap = await kill(mesh, story, 'ap')
  await othersGoOn(mesh, story)
  const apReturns = ap.comeBack()
  await speak()
  await apReturns
  await caughtUp(mesh, mesh.links)
  story.say('good', 'ap is back, and has what it missed.')

  expected['us was killed'] = us.diedOf === 'SIGKILL'
  expected['ap was killed'] = ap.diedOf === 'SIGKILL'
  expected['the regions closed in peace'] = await lowerCurtain(mesh, story)
  for (const name of mesh.names) {
    expected[`${name} met older changes than it had`] = (mesh.superseded.get(name) ?? 0) > 0
  }
  return Object.keys(expected).filter((what) => !expected[what])
}

async function raiseCurtain(mesh: Mesh, story: Story): Promise<void> {
  for (const name of mesh.names) mesh.start(name)
  await until('all regions are ready', () =>
    mesh.names.every((name) => mesh.region(name).hasSaid('ready')),
  )
  mesh.lags.begin()
  story.say(
    'good',
    `${mesh.names.join(', ')}: each changes the same bookmarks, and sends to the others.`,
  )
  await until('every link carries records', () =>
    arrivals(mesh).every((count) => count >= arrivalsBefore),
  )
}

/** What is between eu and us breaks; everything goes on towards ap. */
async function cut(mesh: Mesh, story: Story): Promise<() => Promise<void>> {
  const links = bothWays('eu', 'us')
  const over = mesh.lags.trouble('cut', links)
  for (const link of links) {
    mesh.link(link).refuse()
    mesh.link(link).cut()
  }
  story.say('bad', 'The links between eu and us are cut.')
  await sleep(800)
  const marks = new Map(['eu', 'us'].map((from) => [from, newestOf(mesh, from)]))
  await until('ap has what eu and us wrote meanwhile', () =>
    [...marks].every(([, change]) => change !== undefined && mesh.arrived.get('ap')?.has(change)),
  )
  story.say(
    'good',
    `${links.map((link) => `${figure(mesh.lags.waiting(link))} changes wait for ${link}`).join(', ')}.`,
    'ap gets what both of them write, as before.',
  )
  return async () => {
    const waiting = links.map((link) => mesh.lags.waiting(link))
    for (const link of links) {
      await mesh.link(link).heal()
      mesh.calm(link)
    }
    over()
    story.say('good', 'The links between eu and us are whole again.')
    await caughtUp(mesh, links)
    story.say('good', `The ${waiting.map(figure).join(' and ')} changes that waited have arrived.`)
  }
}

interface Killed {
  readonly diedOf: NodeJS.Signals | null
  /** Starts it again; resolves once its cache is changed again, and what it writes arrives. */
  comeBack(): Promise<void>
}

async function kill(mesh: Mesh, story: Story, name: string): Promise<Killed> {
  const diedOf = await mesh.region(name).kill()
  const over = mesh.lags.trouble(
    `${name} is dead`,
    mesh.links.filter((link) => link.includes(name)),
  )
  const unsent = mesh.links
    .filter((link) => link.startsWith(name))
    .map((link) => `${figure(mesh.lags.waiting(link))} for ${link.slice(-2)}`)
  story.say('bad', `kill -9: ${name} dies, with changes unsent: ${unsent.join(', ')}.`)
  return {
    diedOf,
    async comeBack() {
      await sleep(500)
      const here = mesh.arrived.get(name)?.size ?? 0
      const known = savedBy(mesh, name).length
      const region = mesh.start(name)
      const others = mesh.names.filter((other) => other !== name)
      await until(`${name} is back`, () => {
        const cameHere = (mesh.arrived.get(name)?.size ?? 0) > here
        const isElsewhere = savedBy(mesh, name)
          .slice(known)
          .some((change) => others.some((other) => mesh.arrived.get(other)?.has(change)))
        return region.hasSaid('ready') && cameHere && isElsewhere
      })
      over()
    },
  }
}

/** The way from eu to ap takes a second each way; nothing breaks. */
async function slowDown(mesh: Mesh, story: Story): Promise<void> {
  const link = linkName('eu', 'ap')
  const over = mesh.lags.trouble('slow', [link])
  mesh.link(link).delay(700)
  story.say('bad', `${link} has become slow: 0.7 s each way.`)
  await sleep(1_500)
  mesh.calm(link)
  over()
  story.say(
    'good',
    `It is as quick as before. It was behind by ${seconds(mesh.lags.longestMs(link))}.`,
  )
}

/** The link from us to ap swallows everything, and nobody is told. */
function silence(mesh: Mesh, story: Story): () => Promise<void> {
  const link = linkName('us', 'ap')
  const over = mesh.lags.trouble('silent', [link])
  mesh.link(link).hold()
  story.say('bad', `${link} has gone silent: connections stand, and nothing comes through.`)
  return async () => {
    await mesh.link(link).heal()
    mesh.calm(link)
    over()
    story.say('good', `${link} can be heard again.`)
  }
}

async function othersGoOn(mesh: Mesh, story: Story): Promise<void> {
  await sleep(800)
  const marks = { eu: newestOf(mesh, 'eu'), us: newestOf(mesh, 'us') }
  await until('eu and us have what the other one wrote', () =>
    [
      marks.us !== undefined && mesh.arrived.get('eu')?.has(marks.us),
      marks.eu !== undefined && mesh.arrived.get('us')?.has(marks.eu),
    ].every(Boolean),
  )
  story.say('good', 'Between eu and us nothing waits for ap.')
}

/** Nothing is written any more; then each delivers what it has, and what came from the others by that. */
async function lowerCurtain(mesh: Mesh, story: Story): Promise<boolean> {
  const regions = mesh.names.map((name) => mesh.region(name))
  const all = async (command: 'quiet' | 'drain', said: 'quiet' | 'drained'): Promise<void> => {
    for (const region of regions) region.command(command)
    await until(`all have ${said}`, () => regions.every((region) => region.hasSaid(said)))
  }
  await all('quiet', 'quiet')
  story.say('good', `All is quiet after ${figure(mesh.changes.size)} changes.`)
  await all('drain', 'drained')
  await all('drain', 'drained')
  story.end()
  mesh.lags.end()
  story.say('good', 'All is delivered.')
  const codes = await Promise.all(regions.map((region) => region.close()))
  return codes.every((code) => code === 0)
}

/** Waits until all that is durable now has come over these links. */
async function caughtUp(mesh: Mesh, links: readonly string[]): Promise<void> {
  const passed = links.map((link) => mesh.lags.untilPassed(link))
  await until('what waited has arrived', () => passed.every((isOver) => isOver()))
}

function behind(mesh: Mesh, link: string): string {
  return `${link} ${seconds(mesh.lags.lagMs(link))}`
}

function bothWays(a: string, b: string): readonly string[] {
  return [linkName(a, b), linkName(b, a)]
}

/** How much of what each region wrote has come to each other one. */
function arrivals(mesh: Mesh): readonly number[] {
  return mesh.links.map((link) => {
    const arrived = mesh.arrived.get(link.slice(-2))
    return savedBy(mesh, link.slice(0, 2)).filter((change) => arrived?.has(change)).length
  })
}

/** The changes that a region has called durable, in the order in which it began them. */
function savedBy(mesh: Mesh, by: string): readonly string[] {
  return [...mesh.changes.values()]
    .filter((change) => change.by === by && change.version !== undefined)
    .map(({ key, version }) => nameOf(key, version))
}

function newestOf(mesh: Mesh, by: string): string | undefined {
  return savedBy(mesh, by).at(-1)
}
