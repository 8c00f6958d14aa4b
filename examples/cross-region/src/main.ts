/**
 * Three regions, each with a queue and a cache of its own, change the same bookmarks, while links are
 * cut, slow or silent and regions die. Afterwards the three caches are read back. Ends with exit code
 * 0 only if nothing that was acknowledged is lost and all three hold the same.
 *
 *     node --conditions=source src/main.ts [--picture lag.svg]
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, styleText } from 'node:util'
import { figure, isGood, Story, verdictText } from '@daybook/example-stage'
import { isUp, removeWhatComes, service } from '@daybook/services'
import { checkCaches } from './stage/check.ts'
import { linkName } from './stage/lag-log.ts'
import { Mesh, type Place } from './stage/mesh.ts'
import { perform } from './stage/perform.ts'
import { drawLags } from './stage/picture.ts'
import { lagRows, regionsTable } from './stage/print.ts'
import { readCache } from './stage/read-back.ts'

const regions = ['eu', 'us', 'ap'] as const

/** One way, in ms. */
const distances = Object.fromEntries(
  (
    [
      ['eu', 'us', 40],
      ['us', 'ap', 80],
      ['ap', 'eu', 110],
    ] as const
  ).flatMap(([a, b, ms]) => [
    [linkName(a, b), ms],
    [linkName(b, a), ms],
  ]),
)

const load = { viewers: 150, lanes: 4, everyMs: 100 }

const introduction = `
${styleText('bold', 'Daybook: three regions, one truth')}

  Where viewers stopped watching is written in eu, us and ap, wherever they are just
  then: into the queue of that region, from there to its cache and to both other
  regions. Links break, and regions die. The last word on each bookmark is to win
  everywhere.
`

process.exitCode = await main()

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { picture: { type: 'string' } } })
  const removals = [
    removeWhatComes(['kafka']),
    ...regions.map((region) => removeWhatComes(['memcached'], `cross-region-${region}`)),
  ]
  const remove = async (): Promise<void> => {
    await Promise.all(removals.map((one) => one()))
  }
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.once(signal, () => void remove().finally(() => process.exit(code)))
  }
  const directory = mkdtempSync(join(tmpdir(), 'daybook-cross-region-'))
  // After the processes are ended, which their own listener does; also after Ctrl-C.
  process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
  console.log(introduction)
  try {
    return await show(directory, values.picture)
  } catch (error) {
    console.error(`\n  ${styleText('red', 'It broke off:')} ${(error as Error).message}\n`)
    return 1
  } finally {
    await remove()
  }
}

async function show(directory: string, picture: string | undefined): Promise<number> {
  const places = await openPlaces()
  const mesh = new Mesh(places, distances, directory, load)
  try {
    await mesh.open()
    const missing = await perform(mesh, new Story())
    return await verdict(mesh, places, missing, picture)
  } catch (error) {
    const complaints = mesh.complaints.slice(0, 10).map((text) => `\n  ${text}`)
    throw new Error(`${(error as Error).message}${complaints.join('')}`, { cause: error })
  } finally {
    await mesh.end()
  }
}

/** The servers of every region: a memcached each, and a topic each of one Kafka. */
async function openPlaces(): Promise<readonly Place[]> {
  const report = (line: string): void => console.log(`             ${styleText('dim', line)}`)
  if (!isUp('kafka')) report('kafka is started, for this time')
  const run = randomUUID()
  const [kafka, ...caches] = await Promise.all([
    service('kafka', { report }),
    ...regions.map((region) =>
      service('memcached', { instance: `cross-region-${region}`, report }),
    ),
  ])
  for (const cache of caches) await cache.reset()
  return regions.map((name, number) => ({
    ...{ name, number, broker: kafka.address, topic: `bookmarks-${name}-${run}` },
    cache: caches[number]?.address ?? '',
  }))
}

/** Reads the caches back, says what is wrong, and draws how far they were behind. */
async function verdict(
  mesh: Mesh,
  places: readonly Place[],
  missing: readonly string[],
  picture: string | undefined,
): Promise<number> {
  const changes = [...mesh.changes.values()]
  const keys = new Set(changes.map(({ key }) => key))
  const caches = await Promise.all(
    places.map(async ({ name: region, cache }) => ({
      region,
      items: await readCache(cache, keys),
      arrived: mesh.arrived.get(region) ?? new Set<string>(),
    })),
  )
  const findings = checkCaches(caches, changes)
  console.log(`\n${lagRows(mesh.lags)}\n\n${regionsTable(mesh)}\n`)
  if (picture !== undefined) writeFileSync(picture, drawLags(mesh.lags))
  const held = caches.map(({ items }) => figure(items.size)).join(', ')
  console.log(
    `  The caches hold ${held} bookmarks, deleted ones included, of ${figure(keys.size)}.`,
  )
  const result = { zeros: { ...findings }, missing }
  console.log(`${verdictText(result)}\n`)
  return isGood(result) ? 0 : 1
}
