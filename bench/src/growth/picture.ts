import { LineChart, type LineSeriesOption } from 'echarts/charts'
import {
  GridComponent,
  type GridComponentOption,
  LegendComponent,
  type LegendComponentOption,
  TitleComponent,
  type TitleComponentOption,
} from 'echarts/components'
import { type ComposeOption, init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import type { Summary } from '../harness/statistics.ts'
import { byTheme, colours } from './theme.ts'

use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer])

type ChartOption = ComposeOption<
  LineSeriesOption | GridComponentOption | LegendComponentOption | TitleComponentOption
>

/** What is drawn of a log with so many records. */
export interface GrowthPoint {
  readonly records: number
  readonly writeUs: Summary
  readonly deliverUs: Summary
  readonly openMs: Summary
  readonly diskBytesPerRecord: Summary
}

interface Line {
  readonly name: string
  readonly colour: string
  readonly symbol: string
  of(point: GrowthPoint): Summary
}

/** One of the charts beside each other, which share the axis of records. */
interface Panel {
  readonly title: string
  readonly lines: readonly Line[]
}

const panels: readonly Panel[] = [
  {
    title: 'microseconds per record',
    lines: [
      { name: 'write', colour: colours.first, symbol: 'circle', of: (point) => point.writeUs },
      { name: 'deliver', colour: colours.second, symbol: 'rect', of: (point) => point.deliverUs },
    ],
  },
  {
    title: 'milliseconds to open',
    lines: [
      { name: 'open', colour: colours.third, symbol: 'triangle', of: (point) => point.openMs },
    ],
  },
  {
    title: 'bytes on disk per record',
    lines: [
      {
        name: 'size on disk',
        colour: colours.fourth,
        symbol: 'diamond',
        of: (point) => point.diskBytesPerRecord,
      },
    ],
  },
]

const size = { width: 960, height: 340 }
const panelWidth = size.width / panels.length

/** Draws the medians over the number of records, as SVG that suits light and dark pages. */
export function drawGrowth(points: readonly GrowthPoint[]): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...size })
  try {
    chart.setOption<ChartOption>(optionsFor(points.toSorted((a, b) => a.records - b.records)))
    return byTheme(chart.renderToSVGString())
  } finally {
    chart.dispose()
  }
}

function optionsFor(points: readonly GrowthPoint[]): ChartOption {
  const text = { color: colours.text, fontFamily: 'sans-serif' }
  return {
    animation: false,
    backgroundColor: colours.background,
    textStyle: text,
    title: panels.map((panel, index) => ({
      text: panel.title,
      left: index * panelWidth + 16,
      top: 12,
      textStyle: { ...text, fontSize: 14, fontWeight: 'normal' },
    })),
    legend: { bottom: 8, itemGap: 32, textStyle: text },
    grid: panels.map((_, index) => ({
      left: index * panelWidth + 56,
      width: panelWidth - 88,
      top: 64,
      bottom: 84,
    })),
    xAxis: panels.map((_, gridIndex) => recordsAxis(gridIndex, points)),
    yAxis: panels.map((_, gridIndex) => ({
      gridIndex,
      type: 'value',
      min: 0,
      splitNumber: 4,
      axisLabel: { color: colours.text },
      splitLine: { lineStyle: { color: colours.faint } },
    })),
    series: panels.flatMap(({ lines }, index) =>
      lines.map((line) => seriesOf(line, lines, index, points)),
    ),
  }
}

function recordsAxis(gridIndex: number, points: readonly GrowthPoint[]) {
  return {
    gridIndex,
    type: 'category' as const,
    boundaryGap: true,
    data: points.map(({ records }) => power(records)),
    name: 'records in the log',
    nameLocation: 'middle' as const,
    nameGap: 28,
    nameTextStyle: { color: colours.text },
    axisLabel: { color: colours.text, interval: 0 },
    axisLine: { lineStyle: { color: colours.text } },
    axisTick: { show: false },
  }
}

function seriesOf(
  line: Line,
  all: readonly Line[],
  panel: number,
  points: readonly GrowthPoint[],
): LineSeriesOption {
  return {
    name: line.name,
    type: 'line',
    xAxisIndex: panel,
    yAxisIndex: panel,
    symbol: line.symbol,
    symbolSize: 9,
    lineStyle: { color: line.colour, width: 2 },
    itemStyle: { color: line.colour },
    label: {
      show: true,
      color: colours.text,
      formatter: ({ value }) => short(Number(value)),
    },
    data: points.map((point) => ({
      value: line.of(point).median,
      label: { position: isHighest(line, all, point) ? 'top' : 'bottom' },
    })),
  }
}

/** Figures stand above the highest line and below the others, so that they do not meet between. */
function isHighest(line: Line, all: readonly Line[], point: GrowthPoint): boolean {
  return all.every((other) => other === line || other.of(point).median < line.of(point).median)
}

const superscripts = '⁰¹²³⁴⁵⁶⁷⁸⁹'

/** `10⁴` for 10,000; the plain number where it is no power of ten. */
function power(value: number): string {
  const exponent = Math.round(Math.log10(value))
  if (10 ** exponent !== value) return value.toLocaleString('en')
  return `10${[...String(exponent)].map((digit) => superscripts[Number(digit)]).join('')}`
}

/** Two or three digits: `2.5`, `38`, `191`. */
function short(value: number): string {
  return value < 10 ? value.toFixed(1) : value.toFixed(0)
}
