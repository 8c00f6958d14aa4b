import { Buffer } from 'node:buffer'
import type { Random } from '../../random.ts'

/**
 * The header in which a record that is forwarded carries where it has been: names of openings of
 * namespaces, first to last, apart by spaces. It keeps records from going in circles.
 */
const trailHeader = 'daybook-trail'

/** A record that has been in more places goes in a circle that nobody could tell. */
const mostPlaces = 16

type Headers = Readonly<Record<string, string>>

/**
 * Names one opening of a namespace, unlike any other's: `region/namespace#1f9a02c4`. A name that lasted
 * would have to be given by somebody, and two processes of a region may well call theirs the same.
 */
export function placeOf(region: string, namespace: string, random: Random): string {
  const own = Buffer.from(random.fill(new Uint8Array(4))).toString('hex')
  return `${region}/${namespace}#${own}`
}

/** Where a record has been, first to last. */
export function trailOf(headers: Headers): readonly string[] {
  const trail = headers[trailHeader]
  return trail === undefined || trail === '' ? [] : trail.split(' ')
}

/** How a record may leave a place. */
export type Leaving =
  /** With these headers. */
  | { readonly headers: Headers }
  /** Not again: it left from here before, and came back. */
  | 'returned'
  /** Not at all: it has been in too many places. */
  | 'lost'

/** The headers with which a record leaves a place; one that is told no place adds none. */
export function leaving(headers: Headers, place: string | undefined): Leaving {
  const trail = trailOf(headers)
  if (place === undefined) return { headers }
  if (trail.includes(place)) return 'returned'
  if (trail.length >= mostPlaces) return 'lost'
  return { headers: { ...headers, [trailHeader]: [...trail, place].join(' ') } }
}

/**
 * True for a record that comes back to where it has been: to this very opening, or from another region
 * to the namespace of its own region that it has left, whichever opening that was. There it was durable
 * before. To another namespace of its region it comes for the first time. Wals of one region that call
 * a namespace the same are taken for processes on one log.
 */
export function comesBack(
  { headers, origin }: { readonly headers: Headers; readonly origin: string },
  place: string,
): boolean {
  const trail = trailOf(headers)
  if (trail.includes(place)) return true
  const wasHere = trail.some((each) => namespaceOf(each) === namespaceOf(place))
  const isOwn = origin === regionOf(place)
  return wasHere && isOwn && trail.some((each) => regionOf(each) !== origin)
}

/** With its region, and without the name of the opening. */
function namespaceOf(place: string): string {
  return place.slice(0, place.lastIndexOf('#'))
}

function regionOf(place: string): string {
  return place.slice(0, place.indexOf('/'))
}
