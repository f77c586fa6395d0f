import sharp from "sharp";

export const shrink = (bytes) => sharp(bytes).resize(320).jpeg().toBuffer();
