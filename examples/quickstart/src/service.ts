/**
 * A small web service that keeps films in two stores, a database and a search index. It writes each
 * change once, into the log, and answers as soon as the change is durable there; the log takes it
 * to both stores, whatever happens to them, or to this process.
 *
 *     node --conditions=source src/service.ts ./data 8080
 *     curl -X PUT localhost:8080/films/film-1 -d '{ "title": "Alien", "released": "1979-05-25" }'
 *     curl -X DELETE localhost:8080/films/film-1
 */
import { join } from 'node:path'
import { createWal, fanOut, type } from '@daybook/core'
import type { Film } from '@daybook/example-films'
import { logEvents, logLine } from './event-log.ts'
import { filmsTable } from './films-table.ts'
import { serve } from './http.ts'
import { configuredQueue } from './queue.ts'
import { searchIndex } from './search-index.ts'

const [directory = './data', port = '0'] = process.argv.slice(2)

const wal = await createWal({
  directory: join(directory, 'log'),
  namespaces: {
    films: fanOut({
      payload: type<Film>(),
      queue: await configuredQueue(process.env['FILMS_QUEUE']),
      order: 'key',
      targets: {
        database: filmsTable(join(directory, 'films.sqlite')),
        search: searchIndex(join(directory, 'search.sqlite')),
      },
      retry: { maxAttempts: 8, minDelay: '50ms', maxDelay: '2s' },
      breaker: { minOpen: '200ms', maxOpen: '1s' },
    }),
  },
})
const films = wal.namespace('films')
logEvents(wal)
await wal.start()

const server = await serve(Number(port), {
  'PUT films': (key, film) => films.write({ key, payload: film as Film }),
  'DELETE films': (key) => films.delete({ key }),
  'GET dead-letters': async () => {
    const { letters } = await films.deadLetters.list({ limit: 1_000 })
    return letters.map(({ stored, ...letter }) => letter)
  },
  'POST dead-letters': (id, film) =>
    films.deadLetters.redrive({ ids: [id] }, { edit: () => ({ payload: film as Film }) }),
  'POST drain': () => wal.drain({ timeout: '60s' }),
  'GET status': () => wal.status(),
})
logLine({ event: 'listening', port: server.port })

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, async () => {
    await server.close()
    await wal.close()
  })
}
