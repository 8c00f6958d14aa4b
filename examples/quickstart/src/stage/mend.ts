import type { Film } from '@daybook/example-films'
import { correctedTitle } from './changes.ts'
import { type ChangeName, changeName } from './check.ts'
import { searchTitles } from './read-back.ts'
import type { Letter } from './service-client.ts'
import type { Stage } from './stage.ts'
import { lettersTable } from './tables.ts'

/** What became of the dead letters, for the verdict. */
export interface Mending {
  /** All that were found. */
  readonly letters: readonly Letter[]
  /** Those that still wait. */
  readonly left: readonly Letter[]
  /** What was redriven to the index, and with what contents. */
  readonly mended: ReadonlyMap<ChangeName, Film>
  /** True if the mended film can be found. */
  readonly found: boolean
  /** True if the film that an editor had corrected meanwhile was left as the editor wrote it. */
  readonly guarded: boolean
}

/** The film whose title came in as a number, and which is mended by hand. */
const wrongTitle = 1776

/** Shows what the stores refused, and mends two of the films that the index would not take. */
export async function mend(stage: Stage): Promise<Mending> {
  const { client, tallies, files } = stage
  const letters = await client.deadLetters()
  console.log('\nSome films no store can take as they are. They were set aside as dead letters:\n')
  console.log(lettersTable(letters))

  const wrong = letterAbout(letters, wrongTitle)
  const late = letterAbout(letters, Number(correctedTitle))
  const mended = new Map<ChangeName, Film>()
  for (const letter of [wrong, late]) {
    const { key, version, payload } = letter.record
    const film = { ...payload, title: String(payload.title) }
    await client.redrive(letter, film)
    mended.set(changeName(key, BigInt(version)), film)
  }
  await client.drain()

  const found = searchTitles(files.search, `"${wrongTitle}"`).includes(String(wrongTitle))
  console.log(`\n  ${wrongTitle} gets a title made of text, and is sent again:`)
  console.log(`    searching for “${wrongTitle}” ${found ? 'finds it' : 'STILL FINDS NOTHING'}.`)

  const { key, version } = late.record
  const guarded = tallies.search.with('superseded').has(changeName(key, BigInt(version)))
  console.log(
    `  ${correctedTitle} is sent again as well, but an editor has corrected it meanwhile:`,
  )
  console.log(`    ${guarded ? 'the newer change stays' : 'THE NEWER CHANGE IS GONE'}.`)
  return { letters, left: await client.deadLetters(), mended, found, guarded }
}

function letterAbout(letters: readonly Letter[], title: number): Letter {
  const letter = letters.find(({ record: { payload } }) => payload.title === title)
  if (letter === undefined) throw new Error(`The film ${title} is not among the dead letters`)
  return letter
}
