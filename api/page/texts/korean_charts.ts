/** The Korean texts of the charts. */
import type { Texts } from "./english.ts";

/** Korean texts. */
export const KOREAN_CHARTS: Pick<Texts, "charts"> = {
  charts: {
    title: "차트",
    range: "기간",
    ranges: { "1h": "1시간", "6h": "6시간", "24h": "24시간", "72h": "72시간" },
    task: "작업",
    queue: "큐",
    show: "보기",
    throughput: "분당 끝난 작업",
    failures: "분당 실패",
    runs: "실행 시간(초)",
    waits: "대기 시간(초)",
    depth: "메시지가 가장 많은 큐",
    ended: "전체",
    succeeded: "성공",
    failed: "실패",
    retried: "재시도",
    rejected: "거부",
    median: "중앙값",
    slow: "95 %가 더 빠름",
    time: "시각",
    table: "표",
    empty: "이 기간에 끝난 작업이 없습니다.",
  },
};
