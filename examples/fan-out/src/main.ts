/**
 * One write, several consumers: a library, a search index, and another company's webhook that is slow, asks
 * for pauses and dies. Later one more is added, and one is lost and made anew. Ends with exit code 0 only
 * if each has every change, in order, and nobody was held up by another.
 *
 *     node --conditions=source src/main.ts
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { figure, isGood, plainTable, Story, verdictText } from '@daybook/example-stage'
import { readFilms } from './film.ts'
import type { Places } from './film-wal.ts'
import { changesOf } from './stage/changes.ts'
import { checkConsumer } from './stage/check.ts'
import { Partner } from './stage/partner.ts'
import { perform, type Seen } from './stage/perform.ts'
import { Progress } from './stage/progress.ts'
import { readDirectors, readLibrary, readPartner, readSearch } from './stage/read-back.ts'

/** Enough for the partner to be slow with. */
const filmsInAll = 1_200

const introduction = `
${styleText('bold', 'Daybook: one write, and consumers that progress apart')}

  Films go to a library, a search index and another company's webhook. A change is
  written once, into a log on disk. The webhook is slow, asks for pauses, and dies.
`

// Takes along whatever it has started.
process.exit(await main())

async function main(): Promise<number> {
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.once(signal, () => process.exit(code))
  }
  const directory = mkdtempSync(join(tmpdir(), 'daybook-fan-out-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
  console.log(introduction)
  const partner = new Partner(join(directory, 'partner.sqlite'))
  const progress = new Progress()
  try {
    await partner.start()
    const places = placesIn(directory, partner)
    const changes = changesOf(await readFilms(filmsInAll))
    const seen = await perform({ places, partner, progress, story: new Story() }, changes)
    const exitCode = await partner.stop()
    return verdict(directory, places, seen, progress) && exitCode === 0 ? 0 : 1
  } catch (error) {
    console.error(`\n  ${styleText('red', 'It broke off:')} ${(error as Error).message}\n`)
    return 1
  }
}

function placesIn(directory: string, { url, secret }: Partner): Places {
  return {
    directory: join(directory, 'log'),
    fileOf: (store) => join(directory, `${store}.sqlite`),
    partner: { url, secret },
  }
}

/** Reads all consumers back, and says what is wrong. */
function verdict(
  directory: string,
  { fileOf }: Places,
  { acknowledged, missing }: Seen,
  progress: Progress,
): boolean {
  const readings = [
    readLibrary(fileOf('library')),
    readSearch(fileOf('search')),
    readPartner(join(directory, 'partner.sqlite')),
    readDirectors(fileOf('directors')),
  ]
  const found = readings.map((reading) => checkConsumer(reading, acknowledged))
  const head = ['consumer', 'films', 'paused: down', 'asked for less', 'attempts spent', 'dead']
  const rows = readings.map(({ consumer, films }) => {
    const { down, throttled, spent, deadLettered } = progress.of(consumer)
    return [consumer, films.size, down, throttled, spent, deadLettered]
  })
  console.log(`\n${plainTable(head, rows)}\n\n  ${figure(acknowledged.length)} changes:\n`)
  const partner = progress.of('partner')
  const result = {
    zeros: {
      lost: found.flatMap(({ lost }) => lost),
      'out of order': found.flatMap(({ outOfOrder }) => outOfOrder),
      diverged: found.flatMap(({ diverged }) => diverged),
      'held up': ['library', 'search', 'directors']
        .filter((name) => progress.of(name).down + progress.of(name).throttled > 0)
        .map((name) => `delivery to ${name} paused`),
      'dead letters': rows
        .filter(([, , , , , dead]) => Number(dead) > 0)
        .map(([name, , , , , dead]) => `${dead} at ${name}`),
    },
    missing: [...missing, ...(partner.down > 0 ? [] : ['the partner was seen to be down'])],
  }
  console.log(`${verdictText(result)}\n`)
  return isGood(result)
}
