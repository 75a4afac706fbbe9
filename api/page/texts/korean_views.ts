/** The Korean texts of saved views. */
import type { Texts } from "./english.ts";

/** Korean texts. */
export const KOREAN_VIEWS: Pick<Texts, "views"> = {
  views: {
    title: "저장된 보기",
    open: "이 필터를 보기로 저장",
    name: "보기 이름",
    save: "저장",
    where: "보기는 이 브라우저에만 저장됩니다.",
    remove: "보기 삭제",
  },
};
