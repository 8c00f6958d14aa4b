/** Keys that the records of a run are spread over, as a service's rows would be. */
export function makeKeys(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `title-${String(index).padStart(7, '0')}`)
}

/** Something like a row of a catalogue. */
export interface Title {
  readonly id: number
  readonly name: string
  readonly year: number
  readonly rating: number
  readonly genres: readonly string[]
  readonly overview: string
}

/**
 * Titles whose JSON is exactly so many bytes long, numbers and short lists among the text. Several,
 * so that nothing can be cached on one object; few, so that making them is not part of the work.
 */
export function makeTitles(count: number, jsonBytes: number): readonly Title[] {
  return Array.from({ length: count }, (_, index) => {
    const title = {
      id: 1_000_000 + index,
      name: `The title of number ${index}`,
      year: 1950 + (index % 75),
      rating: 7.5,
      genres: ['drama', 'comedy', 'crime'],
      overview: '',
    }
    const room = jsonBytes - JSON.stringify(title).length
    if (room < 0) {
      throw new RangeError(`a title takes ${jsonBytes - room} bytes of JSON, not ${jsonBytes}`)
    }
    return { ...title, overview: prose.repeat(Math.ceil(room / prose.length)).slice(0, room) }
  })
}

const prose =
  'A clerk who keeps the books of a small harbour finds an entry that nobody remembers making. '
