import { FrameWalker } from '../../../../../src/queue/file/frame-walker.ts'
import {
  entryBytes,
  entryHeaderBytes,
  headerBytes,
} from '../../../../../src/queue/file/journal-format.ts'
import { readSegmentHeader, segmentSalt } from '../../../../../src/queue/file/segment-header.ts'
import type { QueueFiles } from './sample-queue.ts'

/** Bytes of a file that hold one thing: it is whole as long as none of them is changed. */
export interface Place {
  readonly file: string
  readonly start: number
  readonly end: number
}

/** Where the frame of each record is, that with sequence 1 first. */
export async function placesOfRecords(files: QueueFiles): Promise<readonly Place[]> {
  const places: Place[] = []
  for (const file of [...files.keys()].filter((name) => name.endsWith('.segment')).sort()) {
    const bytes = files.get(file) as Buffer
    const finding = readSegmentHeader(bytes.subarray(0, 4096))
    if (finding.state !== 'whole') throw new Error(`${file} has no header`)
    const from = { offset: 4096, sequence: finding.header.baseSequence }
    const walker = new FrameWalker(inMemory(bytes), segmentSalt(finding.header), from)
    while (await walker.load(bytes.length)) {
      const { offset, bodyStart, bodyEnd } = walker
      const end = offset + 24 + bodyEnd - bodyStart
      if (!walker.isMarker) places[walker.sequence - 1] = { file, start: offset, end }
      walker.advance()
    }
  }
  return places
}

/** Where the entries of a journal are. */
export function placesOfEntries(files: QueueFiles, file: string): readonly Place[] {
  const bytes = files.get(file) as Buffer
  const places: Place[] = []
  for (let start = headerBytes; start < bytes.length; ) {
    const bodyBytes = bytes.readUInt32LE(start + 4)
    places.push({ file, start, end: start + entryHeaderBytes + bodyBytes })
    start += entryBytes(bodyBytes)
  }
  return places
}

/** True if the bytes there are as they were. */
export function isUntouched({ file, start, end }: Place, was: QueueFiles, is: QueueFiles): boolean {
  const [before, after] = [was.get(file), is.get(file)]
  if (before === undefined || after === undefined) return false
  return before.subarray(start, end).equals(after.subarray(start, end))
}

function inMemory(bytes: Buffer) {
  return {
    size: async () => bytes.length,
    read: async (into: Uint8Array, position: number) => {
      const part = bytes.subarray(position, position + into.byteLength)
      into.set(part)
      return part.length
    },
  }
}
