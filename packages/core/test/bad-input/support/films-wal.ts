import { expect, onTestFinished } from 'vitest'
import {
  createWal,
  fanOut,
  fileQueue,
  type NamespaceOptions,
  type Target,
  type,
  type Wal,
  type WalRecord,
} from '../../../src/index.ts'
import type { FileSystem } from '../../../src/queue/file/file-system.ts'

/** What the tests of bad input write. */
export interface Film {
  readonly title: string
  readonly year?: number | undefined
  readonly plot?: string | undefined
}

/** A target that applies everything and remembers the titles, in its order. */
export class TitlesTarget implements Target<Film> {
  readonly idempotency = 'version'
  readonly titles: string[] = []

  async apply(records: readonly WalRecord<Film>[]): Promise<void> {
    for (const record of records) this.titles.push(record.op === 'put' ? record.payload.title : '-')
  }
}

export interface FilmsOptions extends Partial<NamespaceOptions<Film, 'store'>> {
  readonly fileSystem?: FileSystem | undefined
}

/** A wal on the embedded log, with one namespace and one target. Closed after the test. */
export async function openFilms(directory: string, options: FilmsOptions = {}) {
  const { fileSystem, ...namespace } = options
  const store = new TitlesTarget()
  const wal = await createWal({
    directory,
    namespaces: {
      films: fanOut({
        payload: type<Film>(),
        targets: { store },
        ...(fileSystem === undefined ? {} : { queue: fileQueue({ fileSystem }) }),
        ...namespace,
      }),
    },
  })
  onTestFinished(() => wal.close())
  return { wal, films: wal.namespace('films'), store }
}

export const storedTitles: readonly string[] = ['Notorious', 'Rope', 'Vertigo']

/** Leaves a log behind with a few records that have not been delivered. */
export async function storeFilms(directory: string): Promise<void> {
  const { wal, films } = await openFilms(directory)
  for (const title of storedTitles) await films.write({ key: title, payload: { title } })
  await wal.close()
}

/** Nothing was lost and nothing came in: exactly these are delivered, now and after a restart. */
export async function expectDelivered(
  wal: Wal,
  directory: string,
  titles: readonly string[],
): Promise<void> {
  await wal.close()
  const { wal: next, store } = await openFilms(directory)
  await next.start()
  await next.drain()
  await next.close()
  expect(store.titles.toSorted()).toEqual(titles.toSorted())
}
