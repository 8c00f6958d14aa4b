/**
 * Two index tables for a table that is there already, and is being changed. They are filled from it, and kept by transactions; the
 * service is killed in the middle of both. Ends with exit code 0 only if the table is as its last changes left it, and both
 * indexes hold exactly its films.
 *
 *     node --conditions=source src/main.ts
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { figure, isGood, Story, verdictText } from '@daybook/example-stage'
import { removeWhatComes, service } from '@daybook/services'
import type { Client } from 'cassandra-driver'
import { type Film, readFilms } from './film.ts'
import { changesOf, filmsAfter } from './stage/changes.ts'
import { checkTables } from './stage/check.ts'
import { perform, type Seen } from './stage/perform.ts'
import {
  connect,
  createIndexTables,
  createTable,
  fillTable,
  readFilmTable,
  readIndexes,
} from './tables.ts'

const introduction = `
${styleText('bold', 'Daybook: indexes for a table that is already there')}

  A Cassandra table of films is to be found by director and by genre. Two index tables
  are filled from it while films go on changing, and kept with it by transactions: the
  row, the index rows that go, and those that come, all or nothing.
`

process.exit(await main())

async function main(): Promise<number> {
  const remove = removeWhatComes(['cassandra'])
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.once(signal, () => void remove().finally(() => process.exit(code)))
  }
  const directory = mkdtempSync(join(tmpdir(), 'daybook-secondary-index-'))
  console.log(introduction)
  try {
    return await show(directory)
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
  const cassandra = await service('cassandra', { report })
  const client = connect(cassandra)
  try {
    const films = await readFilms()
    const changes = changesOf(films)
    await createTable(client)
    await fillTable(client, films)
    await createIndexTables(client)
    const story = new Story()
    story.say('good', `A table of ${figure(films.length)} films, and two empty indexes`)
    const seen = await perform({ directory, cassandra, story }, changes)
    return await verdict(client, filmsAfter(films, changes), seen)
  } finally {
    await client.execute('DROP KEYSPACE IF EXISTS catalogue').catch(() => {})
    await client.shutdown()
  }
}

/** Reads the three tables, and says what is wrong. */
async function verdict(
  client: Client,
  expected: ReadonlyMap<string, Film>,
  { dead, missing }: Seen,
): Promise<number> {
  const reading = { films: await readFilmTable(client), ...(await readIndexes(client)) }
  const { films, byDirector, byGenre } = reading
  const found = checkTables(reading, expected)
  console.log(`
  ${figure(films.size)} films, ${figure(byDirector.length)} of them by director, ${figure(byGenre.length)} by genre.
`)
  const result = {
    zeros: {
      'films wrong': found.wrong,
      'index rows missing': found.missing,
      stale: found.stale,
      different: found.different,
      'dead letters': Array.from({ length: dead }, () => 'a change that could not be applied'),
    },
    missing,
  }
  console.log(`${verdictText(result)}\n`)
  return isGood(result) ? 0 : 1
}
