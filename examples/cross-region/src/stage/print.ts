import { plainTable } from '@daybook/example-stage'
import type { LagLog } from './lag-log.ts'
import type { Mesh } from './mesh.ts'

/** `1.4 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}

const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const
const columns = 60

/** A row for each link: how far it was behind as time went by, all by one scale. */
export function lagRows(log: LagLog): string {
  const lines = [...log.lags].map(([link, lags]) => ({ link, lags: narrowed(lags) }))
  const most = Math.max(1, ...lines.flatMap(({ lags }) => lags))
  const rows = lines.map(({ link, lags }) => {
    const drawn = lags.map((lag) => bars[Math.floor((lag / most) * (bars.length - 1))] ?? ' ')
    return `  ${link}  ${drawn.join('')}  ${seconds(Math.max(0, ...lags))} at most`
  })
  const title = `  How far each cache was behind each other region, over ${seconds(log.times.at(-1) ?? 0)}:`
  return [title, '', ...rows].join('\n')
}

/** As many values as there is room for, the largest of each stretch. */
function narrowed(values: readonly number[]): readonly number[] {
  const width = Math.max(1, Math.ceil(values.length / columns))
  return Array.from({ length: Math.ceil(values.length / width) }, (_, part) =>
    Math.max(0, ...values.slice(part * width, (part + 1) * width)),
  )
}

/** A row for each region. */
export function regionsTable(mesh: Mesh): string {
  const head = ['region', 'changes', 'acknowledged', 'came to its cache', 'older than it had']
  const rows = mesh.names.map((name) => {
    const own = [...mesh.changes.values()].filter(({ by }) => by === name)
    const acknowledged = own.filter(({ version }) => version !== undefined)
    const arrived = mesh.arrived.get(name)?.size ?? 0
    return [name, own.length, acknowledged.length, arrived, mesh.superseded.get(name) ?? 0]
  })
  return plainTable(head, rows)
}
