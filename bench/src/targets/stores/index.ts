import type { BenchStore } from '../store.ts'
import { elasticsearch } from './elasticsearch.ts'

/** The stores that there are, in the order of the report. */
export const benchStores: readonly BenchStore[] = [elasticsearch]
