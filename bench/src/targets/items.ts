import type { Item } from './store.ts'

/** As many items, each with a key of its own and nearly so many bytes of JSON. */
export function makeItems(count: number, payloadBytes: number): readonly Item[] {
  return Array.from({ length: count }, (_, number) => {
    const fields = {
      title: `Title ${number}`,
      year: 1900 + (number % 120),
      rating: (number % 100) / 10,
    }
    const bare = JSON.stringify({ ...fields, synopsis: '' }).length
    const synopsis = words(Math.max(0, payloadBytes - bare), number)
    return { key: `tt${String(number).padStart(7, '0')}`, payload: { ...fields, synopsis } }
  })
}

const vocabulary =
  'a woman is asked to spy on a group of friends in South America who once were hers'

/** Words in another order for every item, for stores that index or compress them. */
function words(length: number, number: number): string {
  const all = vocabulary.split(' ')
  const shifted = all.map((_, at) => all[(at * 7 + number) % all.length])
  return `${shifted.join(' ')} `.repeat(Math.ceil(length / vocabulary.length) + 1).slice(0, length)
}
