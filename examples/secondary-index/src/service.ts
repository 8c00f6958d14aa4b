/**
 * A service that keeps films and their indexes. It does what it is asked over the channel to the process that
 * started it, and fills the indexes meanwhile.
 */
import { join } from 'node:path'
import { act } from '@daybook/example-stage'
import { Backfill } from './backfill.ts'
import type { Film } from './film.ts'
import { openFilmWal } from './film-wal.ts'
import { drainWholly, IndexedFilms } from './indexed-films.ts'
import { connect } from './tables.ts'

const [directory = '', host = '', port = ''] = process.argv.slice(2)
const client = connect({ host, port: Number(port) })
await client.connect()
const wal = await openFilmWal(join(directory, 'log'), client)
wal.on('error', ({ error }) => console.error(`The service reports: ${error.message}`))
/** What a process before this one has left to do. */
const { pending: left = 0 } = (await wal.status()).namespaces.films.targets.films
const films = new IndexedFilms(wal, client)
await films.open()
const backfill = new Backfill(wal, client, join(directory, 'backfill.json'))
let filling: Promise<void> | undefined

/** What the service can be asked for. */
export const calls = {
  /** Resolves once the change is certain to be made, in the table and its indexes. */
  async change(id: string, film: Film | undefined) {
    await (film === undefined ? films.delete(id) : films.put(film))
  },
  /** Begins to fill the indexes, or goes on with it. */
  async fill() {
    filling ??= backfill.run()
    filling.catch((error) => console.error(`The backfill broke off: ${error.message}`))
  },
  async status() {
    const { targets } = (await wal.status()).namespaces.films
    const pending = Object.values(targets).reduce((sum, one) => sum + (one.pending ?? 0), 0)
    const dead = (await wal.namespace('films').deadLetters.list()).letters.length
    return { left, pending, dead, films: backfill.films, isFilled: backfill.isDone }
  },
  async settle() {
    await filling
    await drainWholly(wal, '2m')
  },
}
export type ServiceCalls = typeof calls

act(calls, async () => {
  backfill.stop()
  await filling?.catch(() => {})
  await wal.close()
  await client.shutdown()
  process.exit(0)
})
