/**
 * 3,201 films to Cassandra and Elasticsearch at once, while each is killed in turn. Afterwards both
 * are read back. Ends with exit code 0 only if both hold every film as its last acknowledged change
 * left it, with the same version, and nothing became a dead letter for an outage.
 *
 *     node --conditions=source src/main.ts
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { figure, Story } from '@daybook/example-stage'
import { removeWhatComes, service } from '@daybook/services'
import { readFilms } from './film.ts'
import { openFilmWal } from './film-wal.ts'
import { changesOf } from './stage/changes.ts'
import { checkStore, differences } from './stage/check.ts'
import { perform, type Seen } from './stage/perform.ts'
import { backlogChart, storesTable } from './stage/print.ts'
import { readCassandra, readElasticsearch } from './stage/read-back.ts'
import { Watch } from './stage/watch.ts'
import { connectStores, createSchemas, type Stores } from './stores.ts'

const introduction = `
${styleText('bold', 'Daybook: one write, and two stores that die in turn')}

  Films go to Cassandra and Elasticsearch. A change is written once, into a log on
  disk; the log takes it to both. First the one is killed, then the other, each in
  the middle of its work.
`

// cassandra-driver 4.10 leaves timers running, after its shutdown too, for a host it lost and found again.
process.exit(await main())

async function main(): Promise<number> {
  const remove = removeWhatComes(['cassandra', 'elasticsearch'])
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.once(signal, () => void remove().finally(() => process.exit(code)))
  }
  const directory = mkdtempSync(join(tmpdir(), 'daybook-dual-write-'))
  console.log(introduction)
  try {
    return await show(join(directory, 'log'))
  } catch (error) {
    console.error(`\n  ${styleText('red', 'It broke off:')} ${(error as Error).message}\n`)
    return 1
  } finally {
    await remove()
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function show(directory: string): Promise<number> {
  const report = (line: string): void => console.log(`             ${styleText('dim', line)}`)
  const servers = {
    cassandra: await service('cassandra', { report }),
    search: await service('elasticsearch', { report }),
  }
  for (const server of Object.values(servers)) await server.reset()
  const stores = connectStores(servers.cassandra, servers.search)
  try {
    await createSchemas(stores)
    const films = await readFilms()
    const wal = await openFilmWal(directory, stores.cassandra, stores.elasticsearch)
    // An outage is told of by the story; whatever else goes wrong is not.
    wal.on('error', ({ error }) => {
      if (error.code !== 'ERR_UNAVAILABLE') report(`${error.code}: ${error.message}`)
    })
    const watch = new Watch(wal)
    let seen: Seen
    try {
      seen = await perform({ wal, servers, story: new Story() }, changesOf(films))
    } finally {
      watch.end()
      await wal.close()
    }
    console.log(`\n${backlogChart(watch, process.stdout.hasColors?.() ?? false)}\n`)
    return await verdict(stores, seen)
  } finally {
    await stores.close()
  }
}

/** Reads both stores, and says what is wrong. */
async function verdict(stores: Stores, seen: Seen): Promise<number> {
  const readings = [await readCassandra(stores), await readElasticsearch(stores)] as const
  const found = readings.map((reading) => checkStore(reading, seen.acknowledged))
  const differing = differences(...readings)
  console.log(`${storesTable(found, seen)}\n`)
  const { cassandra, search } = seen.tallies
  const wrong = [
    ...found.flatMap(({ lost, risen, wrong }) => [...lost, ...risen, ...wrong]),
    ...differing,
    ...(cassandra.outages === 0 ? ['Cassandra was never seen to be down'] : []),
    ...(search.outages === 0 ? ['Elasticsearch was never seen to be down'] : []),
    ...(cassandra.spent + search.spent > 0 ? ['an outage spent attempts'] : []),
    ...(cassandra.deadLettered + search.deadLettered > 0 ? ['an outage made dead letters'] : []),
  ]
  for (const line of wrong.slice(0, 20)) console.log(`  ${styleText('red', line)}`)
  if (wrong.length > 0) return 1
  console.log(
    `  Both hold the same ${figure(readings[0].films.size)} films, at the same versions: 0 differ.\n`,
  )
  return 0
}
