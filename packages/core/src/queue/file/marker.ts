const markerKind = 2

/**
 * The body of a marker: the frame that ends a log that was closed. All that lies before it was
 * synced before, so that damage to the last group is recognised too.
 */
export const markerBody: Uint8Array = Uint8Array.of(markerKind)

/** True if the frame whose body begins here is a marker. */
export function isMarker(buffer: Buffer, bodyStart: number): boolean {
  return buffer[bodyStart] === markerKind
}
